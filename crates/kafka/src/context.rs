//! What librdkafka calls back: rebalances, errors, log lines.
//!
//! Callbacks only take notes; the poll thread acts on them after `poll` has returned, where it
//! owns its state and may wait. librdkafka waits with a rebalance until it is answered by
//! `incremental_assign` or `incremental_unassign`, so nothing is lost by that.

use crate::failure::{Obstacle, is_refusal};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A rebalance that waits for its answer.
#[derive(Debug)]
pub(crate) enum Rebalance {
    Assign(Vec<(String, i32)>),
    Revoke(Vec<(String, i32)>),
}

#[derive(Debug, Default)]
pub(crate) struct Context {
    rebalances: Mutex<VecDeque<Rebalance>>,
    /// Text of the last error event; `poll` returns its code right after.
    reason: Mutex<String>,
    /// The last reason for a connection that fails that somebody can act on, and its text.
    obstacle: Mutex<Option<(Obstacle, String)>>,
    refusal: Mutex<Option<(Code, String)>>,
    closing: AtomicBool,
    failed_commits: AtomicU64,
}

impl Context {
    pub(crate) fn next_rebalance(&self) -> Option<Rebalance> {
        held(&self.rebalances).pop_front()
    }

    pub(crate) fn reason(&self) -> String {
        held(&self.reason).clone()
    }

    pub(crate) fn obstacle(&self) -> Option<(Obstacle, String)> {
        held(&self.obstacle).clone()
    }

    /// The offset of the end-of-partition event that `poll` has just returned.
    pub(crate) fn end_offset(&self) -> Option<i64> {
        parse_end_offset(&held(&self.reason))
    }

    pub(crate) fn refusal(&self) -> Option<(Code, String)> {
        held(&self.refusal).clone()
    }

    fn note_obstacle(&self, text: &str) {
        if let Some(obstacle) = Obstacle::of(text) {
            *held(&self.obstacle) = Some((obstacle, text.to_owned()));
        }
    }

    /// From here on rebalances are answered at once: the consumer is being closed.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn take_failed_commits(&self) -> u64 {
        self.failed_commits.swap(0, Ordering::Relaxed)
    }
}

impl ClientContext for Context {
    fn log(&self, level: Level, facility: &str, line: &str) {
        // A broker that hangs up is a log line and no error event.
        if facility == "FAIL" {
            self.note_obstacle(line);
        }
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning => {
                tracing::warn!(target: "librdkafka", facility, "{line}");
            }
            Level::Notice | Level::Info => {
                tracing::debug!(target: "librdkafka", facility, "{line}");
            }
            Level::Debug => tracing::trace!(target: "librdkafka", facility, "{line}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        // That all brokers are down follows the reason of the last one, and is none.
        if code == Some(Code::AllBrokersDown) && !held(&self.reason).is_empty() {
            return;
        }
        reason.clone_into(&mut held(&self.reason));
        self.note_obstacle(reason);
        if let Some(code) = code
            && is_refusal(code)
        {
            *held(&self.refusal) = Some((code, reason.to_owned()));
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let assigns = event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Acquire) {
            let answered = if assigns { Ok(()) } else { take_away(consumer, partitions) };
            if let Err(error) = answered {
                tracing::debug!(%error, "partitions could not be given back on close");
            }
            return;
        }
        let listed = partitions.elements();
        let listed = listed.iter().map(|p| (p.topic().to_owned(), p.partition())).collect();
        held(&self.rebalances).push_back(if assigns {
            Rebalance::Assign(listed)
        } else {
            Rebalance::Revoke(listed)
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        match result {
            Ok(()) => {}
            // Nothing to commit: no offset of these partitions was new.
            Err(error) if error.rdkafka_error_code() == Some(Code::NoOffset) => {}
            Err(error) => {
                self.failed_commits.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%error, "group offsets were not written");
            }
        }
    }
}

/// Adds partitions to the assignment, by the protocol of the group.
pub(crate) fn give<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        _ => consumer.assign(partitions),
    }
}

/// Removes partitions from the assignment, by the protocol of the group.
pub(crate) fn take_away<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        _ => consumer.unassign(),
    }
}

/// librdkafka 2.12 says `… reached end of partition at offset 42 (HighwaterMark 43)`; the
/// binding drops the offset, which is beyond the last record when control records follow it.
fn parse_end_offset(reason: &str) -> Option<i64> {
    let (_, rest) = reason.split_once("end of partition at offset ")?;
    rest.split(' ').next()?.parse().ok()
}

/// A lock that a panicking thread left is still good: the data is replaced as a whole.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: &[(Code, &str)]) -> Context {
        let context = Context::default();
        for (code, reason) in events {
            context.error(KafkaError::Global(*code), reason);
        }
        context
    }

    #[test]
    fn that_all_brokers_are_down_hides_no_reason() {
        let refused = "localhost:1: Connect to ipv4#127.0.0.1:1 failed: Connection refused";
        let down = (Code::AllBrokersDown, "1/1 brokers are down");
        let context = told(&[(Code::BrokerTransportFailure, refused), down]);
        assert_eq!(context.reason(), refused);
        assert_eq!(context.obstacle(), None);
        assert_eq!(told(&[down]).reason(), down.1);
    }

    #[test]
    fn a_handshake_that_failed_is_remembered_through_what_comes_after() {
        let unverified = "ssl://a:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::\
             certificate verify failed: broker certificate could not be verified";
        let closed = "ssl://b:1/bootstrap: Disconnected while requesting ApiVersion";
        let context = told(&[(Code::SSL, unverified), (Code::BrokerTransportFailure, closed)]);
        assert_eq!(context.reason(), closed);
        assert_eq!(context.obstacle(), Some((Obstacle::Unverified, unverified.to_owned())));
    }

    #[test]
    fn a_broker_that_hangs_up_says_so_in_a_log_line_only() {
        let line = "[thrd:a:1/bootstrap]: a:1/bootstrap: Disconnected: connection closed by peer: \
             receive 0 after POLLIN (after 0ms in state APIVERSION_QUERY)";
        let context = told(&[(Code::AllBrokersDown, "0/1 brokers are down")]);
        context.log(Level::Info, "FAIL", line);
        assert_eq!(context.obstacle(), Some((Obstacle::Protocol, line.to_owned())));
    }

    #[test]
    fn the_end_offset_is_read_from_the_text_of_the_event() {
        let text = "Fetch from broker 1 reached end of partition at offset 42 (HighwaterMark 43)";
        assert_eq!(parse_end_offset(text), Some(42));
        assert_eq!(parse_end_offset("Broker: No more messages"), None);
        assert_eq!(parse_end_offset("end of partition at offset none"), None);
    }
}
