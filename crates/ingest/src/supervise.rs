//! Sessions one after the other, until one ends by itself.
//!
//! A superseded session drops what it holds and begins again from the tables: that is how a
//! process which was frozen past its membership rejoins. Everything else is for a person.

use crate::session::{Session, Summary};
use huiliu_model::port::{Landing, Source};
use huiliu_model::{Error, ErrorKind};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const RESTART_WAIT: Duration = Duration::from_millis(500);
/// Sessions superseded in a row without one commit between them before it is an error.
const RESTARTS_MAX: u32 = 50;

/// Runs sessions until one ends; `make` opens a source for each.
///
/// # Errors
/// Whatever ended a session, unless it was superseded; that too after many in a row.
pub async fn supervise<L, S, F>(
    session: &Session<L>,
    stop: &CancellationToken,
    mut make: F,
) -> Result<Summary, Error>
where
    L: Landing,
    S: Source,
    F: AsyncFnMut() -> Result<S, Error>,
{
    let mut restarts = 0;
    loop {
        let mut source = tokio::select! {
            biased;
            made = make() => made?,
            // Nothing is held yet that would have to land.
            () = stop.cancelled() => return Ok(Summary::default()),
        };
        match session.run(&mut source).await {
            Err(e) if e.kind == ErrorKind::Superseded && restarts < RESTARTS_MAX => {
                if stop.is_cancelled() {
                    return Ok(Summary::default());
                }
                restarts += 1;
                tracing::warn!(error = %e, restarts, "superseded; beginning again from the tables");
                drop(source);
                session.clock.sleep(RESTART_WAIT).await;
            }
            result => return result,
        }
    }
}
