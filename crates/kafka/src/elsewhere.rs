//! With an end in sight: the partitions that other members of the group read, or nobody yet.
//!
//! The end is reached when the tables have it, whoever wrote them. A member that ended with its
//! own share would leave out what was given to a process that has died meanwhile, and say that
//! all is well.

use crate::poll::{End, Poller, SlotState};
use huiliu_model::port::SourceEvent;
use huiliu_model::{Error, ErrorKind, Partition, Progress};
use std::time::Duration;

/// How often the progress of others is looked up.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many partitions are named in an error.
const NAMED_MAX: usize = 3;

/// What is known of the partitions of others.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    recorded: Progress,
    looked_at: Option<Duration>,
    /// When progress was last seen to move, or the assignment to change.
    moved_at: Option<Duration>,
}

impl Poller {
    /// Whether every partition reached its target: ours are read, the others' are recorded.
    pub(crate) fn has_reached(&mut self, now: Duration) -> Result<bool, End> {
        let is_reading = self.slots.iter().any(|slot| slot.state == SlotState::Reading);
        if self.targets.is_none() || self.assigned_at.is_none() || is_reading {
            return Ok(false);
        }
        let open = self.open_elsewhere()?;
        if open.is_empty() {
            return Ok(true);
        }
        let looked_at = self.elsewhere.looked_at;
        if looked_at.is_some_and(|looked_at| now.saturating_sub(looked_at) < LOOK_EVERY) {
            return Ok(false);
        }
        self.look_elsewhere(&open, now)?;
        Ok(false)
    }

    /// Partitions that are not ours and below their targets, as far as is known. A dataset that
    /// stands still is waited for by nobody.
    fn open_elsewhere(&mut self) -> Result<Vec<Partition>, End> {
        let (slots, known) = (&self.slots, &self.elsewhere.recorded);
        let targets = self.targets.iter().flatten();
        let open = targets.filter(|(partition, end)| {
            known.get(partition).is_none_or(|next| next < **end)
                && !slots.iter().any(|slot| slot.partition == **partition)
        });
        let mut open: Vec<Partition> = open.map(|(partition, _)| partition.clone()).collect();
        let mut failed = None;
        open.retain(|partition| match self.is_paused(&partition.kafka_topic) {
            Ok(is_paused) => !is_paused,
            Err(end) => {
                failed = Some(end);
                false
            }
        });
        failed.map_or(Ok(open), Err)
    }

    fn look_elsewhere(&mut self, open: &[Partition], now: Duration) -> Result<(), End> {
        let recorded =
            self.ask(open, |partitions, reply| SourceEvent::Elsewhere { partitions, reply })?;
        let has_moved = open.iter().any(|p| recorded.get(p) != self.elsewhere.recorded.get(p));
        let known = &mut self.elsewhere;
        known.looked_at = Some(now);
        known.recorded.0.extend(recorded.0);
        let moved_at = known.moved_at.max(self.assigned_at);
        match moved_at {
            Some(moved_at) if !has_moved => {
                if now.saturating_sub(moved_at) >= self.settings.others_patience {
                    return Err(End::Failed(self.stuck(open)));
                }
            }
            _ => known.moved_at = Some(now),
        }
        Ok(())
    }

    fn stuck(&self, open: &[Partition]) -> Error {
        let named: Vec<_> = open.iter().take(NAMED_MAX).map(ToString::to_string).collect();
        let more = if open.len() > NAMED_MAX { ", …" } else { "" };
        let message = format!(
            "{} partitions are with other members of the group `{}` and do not move: {}{more}",
            open.len(),
            self.settings.group_id,
            named.join(", "),
        );
        Error::new(ErrorKind::Unavailable, message).help(
            "stop the other processes of this group, or let them go on; what they read is not lost",
        )
    }
}
