//! What the service manager is told, by the protocol of `sd_notify(3)`: datagrams of `NAME=value`
//! lines to the socket that `NOTIFY_SOCKET` names. Without that variable nothing is told.
//!
//! | when | what |
//! |---|---|
//! | the lake is open, Kafka has answered, and reading begins | `READY=1` |
//! | files are looked at, and what they say runs or was refused | `RELOADING=1`, `READY=1` |
//! | the first SIGTERM | `STOPPING=1` |
//! | nothing answers yet at the start | `STATUS`, and `EXTEND_TIMEOUT_USEC` so that it may wait |
//! | twice in each `WATCHDOG_USEC`, while ingestion makes turns | `WATCHDOG=1` |
//!
//! The watchdog is fed by a task of the runtime, and only while ingestion makes turns: a process
//! whose threads are all stuck falls silent, and so does one whose loop alone stands still. An
//! outage of Kafka or the store does not silence it; a restart would mend neither.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long ingestion may make no turn. A turn waits for nothing but the answers of the store to
/// what an assignment asks, which the store's client gives up after three minutes.
pub const STANDSTILL: Duration = Duration::from_secs(300);
/// What a process that waits asks for at once, beyond which it asks again.
const EXTENSION: Duration = Duration::from_secs(120);

/// The way to the service manager, if there is one. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Manager {
    socket: Option<Arc<UnixDatagram>>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// As the environment names it. A socket that cannot be reached is told once and left.
    pub fn of_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        match connect(&name) {
            Ok(socket) => Self {
                socket: Some(Arc::new(socket)),
                watchdog: watchdog(
                    std::env::var("WATCHDOG_USEC").ok().as_deref(),
                    std::env::var("WATCHDOG_PID").ok().as_deref(),
                    std::process::id(),
                ),
            },
            Err(error) => {
                tracing::warn!(%error, "the service manager cannot be told anything");
                Self::default()
            }
        }
    }

    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    pub fn reloading(&self) {
        self.tell("RELOADING=1\nSTATUS=looking at changed files");
    }

    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=what was read is being committed");
    }

    /// It waits for something at the start, and may for a while yet.
    pub fn waiting(&self, what: &str) {
        let usec = EXTENSION.as_micros();
        self.tell(&format!("STATUS=waiting for {what}\nEXTEND_TIMEOUT_USEC={usec}"));
    }

    /// Feeds the watchdog while `turns` says that work goes on, until it is over; ends at once
    /// where none waits.
    pub async fn feed(self, turns: impl Fn() -> bool, over: CancellationToken) {
        let Some(every) = self.watchdog else { return };
        let mut had_turns = true;
        loop {
            let has_turns = turns();
            if has_turns {
                self.tell("WATCHDOG=1");
            } else if had_turns {
                let seconds = STANDSTILL.as_secs();
                tracing::error!(seconds, "ingestion makes no turns; the watchdog is not fed");
            }
            had_turns = has_turns;
            tokio::select! {
                biased;
                () = over.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        // The socket does not block: a manager that does not read would hold up ingestion.
        if let Err(error) = socket.send(state.as_bytes()) {
            tracing::debug!(%error, "the service manager was not told");
        }
    }
}

/// A socket to the address: a path, or a name in the abstract namespace behind `@`.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => abstract_name(rest)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract names"))
}

/// How often the watchdog is fed: half of what the manager waits, as `sd_watchdog_enabled(3)`
/// advises. One that is meant for another process is not ours to feed.
fn watchdog(usec: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    let meant = pid.is_none_or(|pid| pid.parse() == Ok(own_pid));
    let usec: u64 = usec.filter(|_| meant)?.parse().ok()?;
    (usec > 0).then(|| Duration::from_micros(usec) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn heard(listener: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = listener.recv(&mut buffer).expect("something is told");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn manager(name: &str, watchdog: Option<Duration>) -> Manager {
        let socket = connect(OsStr::new(name)).expect("somebody listens");
        Manager { socket: Some(Arc::new(socket)), watchdog }
    }

    #[test]
    fn states_are_told_to_a_path_and_to_an_abstract_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify").display().to_string();
        let hidden = format!("huiliu-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&hidden).expect("a name");
        for (name, listener) in [
            (path.clone(), UnixDatagram::bind(&path).expect("a new path")),
            (format!("@{hidden}"), UnixDatagram::bind_addr(&address).expect("a new name")),
        ] {
            let manager = manager(&name, None);
            manager.ready("reading");
            assert_eq!(heard(&listener), "READY=1\nSTATUS=reading");
            manager.reloading();
            assert!(heard(&listener).starts_with("RELOADING=1\n"));
            manager.stopping();
            assert!(heard(&listener).starts_with("STOPPING=1\n"));
        }
    }

    #[tokio::test]
    async fn the_watchdog_is_fed_until_it_is_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify").display().to_string();
        let listener = UnixDatagram::bind(&path).expect("a new path");
        let over = CancellationToken::new();
        let feeding = manager(&path, Some(Duration::from_millis(1))).feed(|| true, over.clone());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(feeding);
        let fed = tokio::task::spawn_blocking(move || [heard(&listener), heard(&listener)]);
        assert_eq!(fed.await.expect("it is heard"), ["WATCHDOG=1", "WATCHDOG=1"]);
        over.cancel();
        tasks.join_next().await.expect("one task").expect("it ends");
    }

    #[tokio::test]
    async fn an_ingestion_that_makes_no_turns_is_not_fed_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify").display().to_string();
        let listener = UnixDatagram::bind(&path).expect("a new path");
        let (pulse, over) = (Arc::new(AtomicBool::new(true)), CancellationToken::new());
        let turns = Arc::clone(&pulse);
        let feeding = manager(&path, Some(Duration::from_millis(1)))
            .feed(move || turns.load(Ordering::Relaxed), over.clone());
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(feeding);
        let hears = async |listener: UnixDatagram, patience: Duration| {
            let heard = tokio::task::spawn_blocking(move || {
                listener.set_read_timeout(Some(patience)).expect("a patience");
                let is_heard = listener.recv(&mut [0; 64]).is_ok();
                (is_heard, listener)
            });
            heard.await.expect("it is listened")
        };
        let (is_heard, listener) = hears(listener, Duration::from_secs(10)).await;
        assert!(is_heard);
        pulse.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        // What was told before.
        listener.set_nonblocking(true).expect("a socket");
        while listener.recv(&mut [0; 64]).is_ok() {}
        listener.set_nonblocking(false).expect("a socket");
        let (is_heard, listener) = hears(listener, Duration::from_millis(200)).await;
        assert!(!is_heard, "it stands still");
        pulse.store(true, Ordering::Relaxed);
        let (is_heard, _) = hears(listener, Duration::from_secs(10)).await;
        assert!(is_heard, "it goes on");
        over.cancel();
        tasks.join_next().await.expect("one task").expect("it ends");
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_fed() {
        let second = Duration::from_secs(1);
        assert_eq!(watchdog(Some("2000000"), None, 7), Some(second));
        assert_eq!(watchdog(Some("2000000"), Some("7"), 7), Some(second));
        for (usec, pid) in
            [(None, None), (Some("0"), None), (Some("often"), None), (Some("2000000"), Some("8"))]
        {
            assert_eq!(watchdog(usec, pid, 7), None, "{usec:?} {pid:?}");
        }
    }
}
