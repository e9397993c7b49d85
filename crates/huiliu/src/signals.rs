//! Signals: the first asks the process to drain, the second ends it at once.

use crate::console::Console;
use huiliu_model::{Error, ErrorKind};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Exit code after a second Ctrl-C: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
/// Exit code after a second SIGTERM.
const TERMINATED: i32 = 143;

/// Cancels `stop` on the first SIGTERM or Ctrl-C, and leaves the process on the second.
///
/// # Errors
/// `Unavailable` when the system does not let us listen.
pub fn drain_on_signal(
    tasks: &mut JoinSet<()>,
    stop: CancellationToken,
    console: Console,
) -> Result<(), Error> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tasks.spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        console.say("stopping: what was read is being committed (again to leave at once)");
        stop.cancel();
        std::process::exit(next(&mut terminate, &mut interrupt).await);
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => TERMINATED,
        _ = interrupt.recv() => INTERRUPTED,
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|source| {
        Error::new(ErrorKind::Unavailable, "the process cannot listen for signals").because(source)
    })
}
