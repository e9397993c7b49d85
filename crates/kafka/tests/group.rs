//! Two members of one group, and what a partition's way from one to the other looks like.

mod driver;

use driver::{Seen, broker, publish, publisher, settings, start};
use huiliu_kafka::{KafkaSource, MockBroker, Settings, Until};
use huiliu_model::port::{IncidentKind, Source, SourceEvent};
use huiliu_model::{ErrorKind, Partition};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A broker whose topic `a` has `count` records in each partition.
fn filled(partitions: i32, count: i64) -> MockBroker {
    let broker = broker(&[("a", partitions)]);
    for partition in 0..partitions {
        publish(&broker, "a", partition, 0, count);
    }
    broker
}

/// The group's only member, when it has read `count` records.
async fn alone(settings: &Settings, stop: &CancellationToken, count: usize) -> (KafkaSource, Seen) {
    let mut source = start(settings, &["a"], Until::Stopped, stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.record_count() == count).await;
    (source, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_partitions_over_where_the_first_left_them() {
    let broker = filled(4, 50);
    let stop = CancellationToken::new();
    let settings = settings(&broker, "g");
    let (mut first, mut of_first) = alone(&settings, &stop, 200).await;
    assert_eq!(of_first.assigned.len(), 4);

    let mut second = start(&settings, &["a"], Until::Stopped, &stop).await.expect("started");
    of_first.read_until(&mut first, |seen| !seen.revoked.is_empty()).await;
    let moved = of_first.revoked.clone();
    assert_eq!(moved.len(), 2, "the sticky assignor moves half, not everything");
    for partition in 0..4 {
        publish(&broker, "a", partition, 50, 10);
    }
    // Both share the tables: what the first recorded is where the second starts.
    let mut of_second = Seen { recorded: of_first.recorded.clone(), ..Seen::default() };
    of_second.read_until(&mut second, |seen| seen.record_count() == 20).await;
    of_first.read_until(&mut first, |seen| seen.record_count() == 220).await;
    assert_eq!(of_second.assigned.iter().cloned().collect::<Vec<_>>(), moved);
    for partition in &moved {
        assert_eq!(of_second.offsets[partition], (50..60).collect::<Vec<i64>>());
        assert_eq!(of_first.offsets[partition], (0..50).collect::<Vec<i64>>());
    }
    for partition in &of_first.assigned {
        assert_eq!(of_first.offsets[partition], (0..60).collect::<Vec<i64>>());
    }

    // A member that leaves gives everything back.
    second.close().await;
    of_first.recorded.0.extend(of_second.recorded.0.clone());
    of_first.read_until(&mut first, |seen| seen.assigned.len() == 4).await;
    first.close().await;
}

/// Two members share four partitions; what the first read is not recorded at first.
#[tokio::test(flavor = "multi_thread")]
async fn with_an_end_in_sight_a_member_waits_for_what_others_read() {
    let broker = filled(4, 50);
    let stop = CancellationToken::new();
    let settings = settings(&broker, "g");
    let (mut first, mut of_first) = alone(&settings, &stop, 200).await;
    let mut second = start(&settings, &["a"], Until::EndOffsets, &stop).await.expect("started");
    of_first.read_until(&mut first, |seen| !seen.revoked.is_empty()).await;

    let mut of_second = Seen::default();
    // Before its share was given to it, it asked about all four.
    let others: Vec<_> = of_first.assigned.iter().cloned().collect();
    let asked_twice =
        |seen: &Seen| seen.asked_elsewhere.iter().filter(|asked| **asked == others).count() >= 2;
    of_second.read_until(&mut second, asked_twice).await;
    assert!(!of_second.is_over);
    assert_eq!(of_second.record_count(), 100, "its own share is read");

    of_second.recorded.0.extend(of_first.recorded.0.clone());
    of_second.read_to_end(&mut second).await;
    assert_eq!(of_second.record_count(), 100);
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_end_in_sight_others_that_do_not_move_are_an_error_that_names_them() {
    let broker = filled(2, 5);
    let stop = CancellationToken::new();
    let mut settings = settings(&broker, "g");
    let (mut first, mut of_first) = alone(&settings, &stop, 10).await;
    // The mock broker takes a whole session time-out to give the second its share.
    settings.others_patience = Duration::from_secs(15);
    let mut second = start(&settings, &["a"], Until::EndOffsets, &stop).await.expect("started");
    of_first.read_until(&mut first, |seen| !seen.revoked.is_empty()).await;
    let mut of_second = Seen::default();
    let error = loop {
        match second.next().await {
            Ok(Some(event)) => of_second.take(event),
            Ok(None) => panic!("ended although half of it is not recorded"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let left = of_first.assigned.first().expect("one stays").to_string();
    let expected =
        format!("1 partitions are with other members of the group `g` and do not move: {left}");
    assert_eq!(error.message, expected);
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_read_before_a_revocation_come_before_its_notice() {
    let broker = broker(&[("a", 2)]);
    let stop = CancellationToken::new();
    let mut settings = settings(&broker, "g");
    // Chunks would wait for an hour; the revocation must not.
    settings.chunk_age = Duration::from_secs(3_600);
    let mut first = start(&settings, &["a"], Until::Stopped, &stop).await.expect("started");
    let mut of_first = Seen::default();
    of_first.read_until(&mut first, |seen| seen.assigned.len() == 2).await;
    for partition in 0..2 {
        publish(&broker, "a", partition, 0, 5);
    }
    let read = first.stats();
    let all_read = async {
        while read.snapshot().datasets[0].records < 10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(driver::PATIENCE, all_read).await.expect("read");
    assert_eq!(of_first.record_count(), 0, "nothing was handed over yet");
    let second = start(&settings, &["a"], Until::Stopped, &stop).await.expect("started");
    let mut before_notice = None;
    while before_notice.is_none() {
        let event = first.next().await.expect("no error").expect("not over");
        if matches!(event, SourceEvent::Revoked { .. }) {
            before_notice = Some(of_first.record_count());
        }
        of_first.take(event);
    }
    assert_eq!(before_notice, Some(10));
    second.close().await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assignment_without_recorded_progress_is_an_error_and_not_a_guess() {
    let broker = broker(&[("a", 1)]);
    publish(&broker, "a", 0, 0, 5);
    let stop = CancellationToken::new();
    let mut source =
        start(&settings(&broker, "g"), &["a"], Until::Stopped, &stop).await.expect("started");
    let error = loop {
        match source.next().await {
            Ok(Some(SourceEvent::Assigned { reply, .. })) => drop(reply),
            Ok(Some(SourceEvent::Records { .. })) => panic!("read without knowing from where"),
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a word"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "recorded progress of 1 partitions was not given");
    source.close().await;
}

/// The mock drops old records while the reader is held back by its budget: the offset it needs
/// next is gone when it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_offset_that_expires_while_reading_is_an_incident_and_not_a_jump() {
    let broker = broker(&[("a", 1), ("b", 1)]);
    publish(&broker, "a", 0, 0, 10);
    let mut settings = settings(&broker, "g");
    settings.budget_bytes = 1;
    let stop = CancellationToken::new();
    let mut source = start(&settings, &["a", "b"], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    let held = loop {
        match source.next().await.expect("no error").expect("not over") {
            SourceEvent::Records { records, release } => break (records, release),
            event => seen.take(event),
        }
    };
    // librdkafka prefetches some hundred KiB; 20 MiB are far beyond that.
    let mut writer = publisher(&broker);
    for n in 0..20_000_i64 {
        writer.publish("a", Some(0), b"k", Some(&[b'x'; 1_000]), n).expect("published");
    }
    writer.flush(driver::PATIENCE).expect("delivered");
    publish(&broker, "b", 0, 0, 5);
    seen.take(SourceEvent::Records { records: held.0, release: held.1 });
    let b = Partition::new("b", 0);
    seen.read_until(&mut source, |seen| {
        !seen.incidents.is_empty() && seen.offsets.get(&b).is_some_and(|found| found.len() == 5)
    })
    .await;
    let incident = &seen.incidents[0];
    assert_eq!(incident.kind, IncidentKind::OffsetExpired);
    assert_eq!(incident.partition, Partition::new("a", 0));
    assert_eq!(incident.recorded, seen.recorded.get(&incident.partition).expect("it was read"));
    assert!(incident.available.start > incident.recorded);
    source.close().await;
}
