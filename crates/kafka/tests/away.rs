//! Brokers that go away at the worst moment: while partitions are being assigned.

mod driver;

use driver::{Seen, broker, publish, settings, start};
use huiliu_kafka::{KafkaSource, MockBroker, Settings, Until};
use huiliu_model::Partition;
use huiliu_model::port::{Source, SourceEvent};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longer than one question about offsets is waited for, twice.
const AWAY: Duration = Duration::from_secs(12);

fn eager(broker: &MockBroker) -> Settings {
    let mut settings = settings(broker, "g");
    settings.properties.insert("reconnect.backoff.max.ms".into(), "500".into());
    settings
}

/// A source of 50 records, whose broker went away between the assignment and the answer to it.
async fn taken_down(stop: &CancellationToken) -> (MockBroker, KafkaSource, Seen) {
    let broker = broker(&[("a", 1)]);
    publish(&broker, "a", 0, 0, 50);
    let settings = eager(&broker);
    let mut source = start(&settings, &["a"], Until::Stopped, stop).await.expect("started");
    let mut seen = Seen::default();
    loop {
        let event = source.next().await.expect("no error").expect("not over");
        if matches!(&event, SourceEvent::Assigned { partitions, .. } if !partitions.is_empty()) {
            broker.set_down(true).expect("taken down");
            seen.take(event);
            return (broker, source, seen);
        }
        seen.take(event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_away_while_partitions_are_assigned_is_waited_for() {
    let stop = CancellationToken::new();
    let (broker, mut source, mut seen) = taken_down(&stop).await;
    tokio::time::sleep(AWAY).await;
    assert!(seen.offsets.is_empty(), "nothing can have been read");
    broker.set_down(false).expect("back");
    let partition = Partition::new("a", 0);
    let has_all = |seen: &Seen| seen.offsets.get(&partition).is_some_and(|o| o.len() == 50);
    seen.read_until(&mut source, has_all).await;
    assert_eq!(seen.offsets[&partition], (0..50).collect::<Vec<i64>>());
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_wait_for_a_broker_that_is_away() {
    let stop = CancellationToken::new();
    let (_broker, mut source, mut seen) = taken_down(&stop).await;
    stop.cancel();
    // One question has two parts of five seconds each; giving up would take sixty.
    let ending = seen.read_to_end(&mut source);
    tokio::time::timeout(Duration::from_secs(20), ending).await.expect("it ends soon");
    assert!(seen.offsets.is_empty());
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_go_away_beneath_a_reader_are_told_and_so_is_their_return() {
    let broker = broker(&[("a", 1)]);
    publish(&broker, "a", 0, 0, 50);
    let (settings, stop) = (eager(&broker), CancellationToken::new());
    let mut source = start(&settings, &["a"], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.record_count() == 50 && !seen.ends.is_empty()).await;
    assert_eq!(seen.silences, Vec::<String>::new(), "somebody answers");

    broker.set_down(true).expect("taken down");
    seen.read_until(&mut source, |seen| !seen.silences.is_empty()).await;
    assert!(!seen.silences[0].is_empty(), "the client says why");

    broker.set_down(false).expect("back");
    seen.ends.clear();
    seen.read_until(&mut source, |seen| !seen.ends.is_empty()).await;
    assert_eq!(seen.ends[&Partition::new("a", 0)], 50);
    source.close().await;
}
