//! Waiting, at the start, for a dependency that does not answer.
//!
//! A process that ended instead would be started again and again, and nobody could ask it what it
//! lacks. So a process that is to run on waits as it would in the middle of its work: it says why
//! in the log once and then every minute, at `/startupz`, `/readyz` and in the metrics, and asks
//! again. What no answer of anybody mends, a refusal or a wrong setting, still ends it.

use crate::admin::Health;
use crate::failure::causes;
use crate::obstacle::{Code, Obstacle};
use crate::service::Manager;
use huiliu_model::{Clock, Error, ErrorKind, code};
use std::sync::Arc;
use std::time::Duration;

/// Between two attempts; an attempt itself has the patience of its dependency, about ten seconds.
const BETWEEN: Duration = Duration::from_secs(1);
/// Between two lines of the log.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// A dependency that is waited for.
pub struct Waiting {
    health: Health,
    manager: Manager,
    clock: Arc<dyn Clock>,
    what: &'static str,
    code: Code,
    /// When the first attempt failed and when that was last said, by the monotonic clock.
    since: Option<(Duration, Duration)>,
}

impl Waiting {
    /// Begins with what is said while the first attempt is made.
    pub fn for_lake(health: &Health, manager: &Manager, clock: &Arc<dyn Clock>) -> Self {
        health.blocked(Obstacle::new("lake", Code::LakeOpening, "opening"));
        Self::new("lake", Code::LakeUnavailable, health, manager, clock)
    }

    /// As [`Waiting::for_lake`].
    pub fn for_kafka(health: &Health, manager: &Manager, clock: &Arc<dyn Clock>) -> Self {
        health.blocked(Obstacle::new("kafka", Code::KafkaConnecting, "connecting"));
        Self::new("kafka", Code::KafkaUnavailable, health, manager, clock)
    }

    fn new(
        what: &'static str,
        code: Code,
        health: &Health,
        manager: &Manager,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (health, manager, clock) = (health.clone(), manager.clone(), Arc::clone(clock));
        Self { health, manager, clock, what, code, since: None }
    }

    /// Waits until it is time to try again.
    ///
    /// # Errors
    /// The error itself, when waiting does not mend it: topics that are not there are created, or
    /// corrected in a pipeline file, by a person.
    pub async fn outlast(&mut self, error: Error) -> Result<(), Error> {
        if error.kind != ErrorKind::Unavailable || error.code() == code::NO_TOPIC {
            return Err(error);
        }
        let why = match causes(&error).into_iter().next() {
            Some(cause) => format!("{}: {cause}", error.message),
            None => error.message.clone(),
        };
        self.say(&why, error.help.as_deref().unwrap_or_default());
        self.health.blocked(Obstacle::new(self.what, self.code, why));
        self.manager.waiting(self.what);
        self.clock.sleep(BETWEEN).await;
        Ok(())
    }

    fn say(&mut self, why: &str, help: &str) {
        let (what, now) = (self.what, self.clock.monotonic());
        let (since, said) = self.since.unwrap_or((now, now));
        let is_due = self.since.is_none() || now.saturating_sub(said) >= SAY_EVERY;
        self.since = Some((since, if is_due { now } else { said }));
        if is_due {
            let seconds = now.saturating_sub(since).as_secs();
            tracing::warn!(what, why, help, seconds, "no answer at the start; waiting for it");
        }
    }

    /// It has answered.
    pub fn over(self) {
        self.health.clear(self.what);
        if let Some((since, _)) = self.since {
            let seconds = self.clock.monotonic().saturating_sub(since).as_secs();
            tracing::info!(what = self.what, seconds, "it answers; the start goes on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installation::clock;

    #[tokio::test]
    async fn silence_is_waited_for_and_a_refusal_is_not() {
        let (health, manager, clock) = (Health::default(), Manager::default(), clock());
        let mut waiting = Waiting::for_kafka(&health, &manager, &clock);
        let silent = || Error::new(ErrorKind::Unavailable, "no broker answers");
        waiting.outlast(silent()).await.expect("it is waited for");
        for kind in [ErrorKind::Denied, ErrorKind::Invalid, ErrorKind::Bug] {
            let ends = waiting.outlast(Error::new(kind, "no")).await.expect_err("no waiting");
            assert_eq!(ends.kind, kind);
        }
        let no_topic = waiting.outlast(silent().coded(code::NO_TOPIC)).await;
        assert_eq!(no_topic.expect_err("a person creates it").code(), code::NO_TOPIC);
    }
}
