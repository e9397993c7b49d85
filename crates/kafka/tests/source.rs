//! The source against librdkafka's mock broker: delivery, ends, incidents, budget.

mod driver;

use driver::{Seen, broker, publish, publisher, settings, start};
use huiliu_kafka::{Pacer, Settings, Until};
use huiliu_model::port::{IncidentKind, Source, SourceEvent};
use huiliu_model::{ErrorKind, Partition, Progress};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn everything_published_is_delivered_once_under_touching_covers_and_then_it_ends() {
    let broker = broker(&[("a", 3), ("b", 1), ("empty", 2)]);
    for partition in 0..3 {
        publish(&broker, "a", partition, 0, 5_000 + i64::from(partition));
    }
    publish(&broker, "b", 0, 0, 7);
    let stop = CancellationToken::new();
    let settings = settings(&broker, "g");
    let mut source =
        start(&settings, &["a", "b", "empty"], Until::EndOffsets, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_to_end(&mut source).await;

    for (topic, partition, count) in
        [("a", 0, 5_000), ("a", 1, 5_001), ("a", 2, 5_002), ("b", 0, 7)]
    {
        let partition = Partition::new(topic, partition);
        assert_eq!(seen.offsets[&partition], (0..count).collect::<Vec<i64>>(), "{partition}");
        assert_eq!(seen.covers.0[&partition], 0..count);
    }
    assert_eq!(seen.record_count(), 15_010);
    assert!(seen.values.contains(&"a/2/5001".to_owned()));
    let stats = source.stats().snapshot();
    assert_eq!(&*stats.datasets[0].dataset, "ds_a");
    assert_eq!(stats.datasets[0].records, 15_003);
    assert_eq!(stats.datasets[2].records, 0);
    assert_eq!(stats.held_bytes, 0);
    assert!(source.next().await.expect("no error").is_none(), "the end stays the end");
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_goes_on_where_the_tables_say_and_not_where_the_group_says() {
    let broker = broker(&[("a", 1)]);
    publish(&broker, "a", 0, 0, 100);
    let partition = Partition::new("a", 0);
    let settings = settings(&broker, "g");
    // The first run tells the group that all 100 are durable; the tables say 40.
    let mut seen = Seen::default();
    let stop = CancellationToken::new();
    let mut source = start(&settings, &["a"], Until::EndOffsets, &stop).await.expect("started");
    seen.read_to_end(&mut source).await;
    source.durable(&Progress([(partition.clone(), 100)].into()));
    source.close().await;
    assert_eq!(committed(&settings).await, Some(100), "lag tools see what is durable");

    let mut seen = Seen::default();
    seen.recorded.set(partition.clone(), 40);
    let mut source = start(&settings, &["a"], Until::EndOffsets, &stop).await.expect("started");
    seen.read_to_end(&mut source).await;
    assert_eq!(seen.offsets[&partition], (40..100).collect::<Vec<i64>>());
    assert_eq!(seen.covers.0[&partition], 40..100);
    source.close().await;
}

/// The group offset of `a/0`.
async fn committed(settings: &Settings) -> Option<i64> {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap_servers);
    config.set("group.id", &settings.group_id);
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let mut asked = rdkafka::TopicPartitionList::new();
        asked.add_partition("a", 0);
        let found = consumer.committed_offsets(asked, Duration::from_secs(10)).expect("answered");
        found.elements()[0].offset().to_raw()
    })
    .await
    .expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_or_impossible_offset_stops_its_partition_and_no_other() {
    let broker = broker(&[("a", 3)]);
    // 7 MiB: the mock keeps 5, so the first records of partition 0 are gone.
    let mut writer = publisher(&broker);
    for n in 0..7_000_i64 {
        writer.publish("a", Some(0), b"k", Some(&[b'x'; 1_000]), n).expect("published");
    }
    writer.flush(driver::PATIENCE).expect("delivered");
    publish(&broker, "a", 1, 0, 10);
    publish(&broker, "a", 2, 0, 10);

    let mut seen = Seen::default();
    seen.recorded.set(Partition::new("a", 0), 0);
    seen.recorded.set(Partition::new("a", 2), 11);
    let stop = CancellationToken::new();
    let settings = settings(&broker, "g");
    let mut source = start(&settings, &["a"], Until::EndOffsets, &stop).await.expect("started");
    seen.read_to_end(&mut source).await;

    assert_eq!(seen.offsets.keys().collect::<Vec<_>>(), [&Partition::new("a", 1)]);
    assert_eq!(seen.offsets[&Partition::new("a", 1)].len(), 10);
    seen.incidents.sort_by_key(|incident| incident.partition.clone());
    let [expired, beyond] = &seen.incidents[..] else { panic!("{:?}", seen.incidents) };
    assert_eq!(expired.kind, IncidentKind::OffsetExpired);
    assert_eq!(expired.partition, Partition::new("a", 0));
    assert_eq!(expired.recorded, 0);
    assert!(expired.available.start > 0, "{:?}", expired.available);
    assert_eq!(expired.available.end, 7_000);
    assert_eq!(beyond.kind, IncidentKind::OffsetBeyondEnd);
    assert_eq!((beyond.recorded, beyond.available.clone()), (11, 0..10));
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tiny_budget_stops_reading_until_records_are_released() {
    let broker = broker(&[("a", 2)]);
    for partition in 0..2 {
        publish(&broker, "a", partition, 0, 3_000);
    }
    let mut settings = settings(&broker, "g");
    settings.budget_bytes = 20_000;
    let stop = CancellationToken::new();
    let mut source = start(&settings, &["a"], Until::EndOffsets, &stop).await.expect("started");
    let mut seen = Seen::default();
    let mut held = Vec::new();
    let mut held_count = 0;
    // Hold everything back until nothing more comes.
    loop {
        match tokio::time::timeout(Duration::from_secs(6), source.next()).await {
            Ok(Ok(Some(SourceEvent::Records { records, release }))) => {
                held_count += records.entries.len();
                held.push((records, release));
            }
            Ok(Ok(Some(SourceEvent::EndOffsets(_)))) if held_count > 0 => {
                if source.stats().snapshot().throttles > 0 {
                    break;
                }
            }
            Ok(Ok(Some(event))) => seen.take(event),
            other => panic!("the source neither throttles nor goes on: {}", other.is_ok()),
        }
    }
    let snapshot = source.stats().snapshot();
    assert!(held_count < 6_000, "{held_count} of 6,000 records under 20,000 bytes");
    assert!(snapshot.held_bytes >= 20_000);
    for (records, release) in held {
        seen.take(SourceEvent::Records { records, release });
    }
    seen.read_to_end(&mut source).await;
    assert_eq!(seen.record_count(), 6_000);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_source_hands_over_what_is_queued_and_ends() {
    let broker = broker(&[("a", 1)]);
    publish(&broker, "a", 0, 0, 100);
    let stop = CancellationToken::new();
    let mut source =
        start(&settings(&broker, "g"), &["a"], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.record_count() == 100).await;
    seen.read_until(&mut source, |seen| !seen.ends.is_empty()).await;
    assert_eq!(seen.ends[&Partition::new("a", 0)], 100);
    assert!(!seen.is_over);
    stop.cancel();
    seen.read_to_end(&mut source).await;
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paced_publisher_passes_more_through_the_mock_broker_than_it_keeps() {
    const COUNT: i64 = 30_000; // 1,000 bytes each: six times what a partition keeps
    let broker = broker(&[("a", 1)]);
    let pacer = Pacer::new();
    let mut writer = publisher(&broker).paced(pacer.clone());
    let is_done = Arc::new(AtomicBool::new(false));
    let writing = std::thread::spawn({
        let is_done = Arc::clone(&is_done);
        move || {
            for n in 0..COUNT {
                writer.publish("a", None, b"k", Some(&[b'x'; 1_000]), n).expect("published");
            }
            writer.flush(driver::PATIENCE).expect("delivered");
            is_done.store(true, Ordering::Release);
        }
    });
    let stop = CancellationToken::new();
    let mut source =
        start(&settings(&broker, "g"), &["a"], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    while (seen.record_count() as i64) < COUNT {
        let before = seen.record_count();
        seen.read_until(&mut source, |seen| seen.record_count() > before).await;
        pacer.durable(&seen.recorded);
    }
    writing.join().expect("no panic");
    assert!(is_done.load(Ordering::Acquire));
    assert!(seen.incidents.is_empty());
    assert_eq!(seen.offsets[&Partition::new("a", 0)], (0..COUNT).collect::<Vec<i64>>());
    assert_eq!(pacer.outstanding(), 0);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tombstones_and_empty_values_are_told_apart() {
    let broker = broker(&[("a", 1)]);
    let mut writer = publisher(&broker);
    writer.publish("a", Some(0), b"gone", None, 5).expect("published");
    writer.publish("a", Some(0), b"empty", Some(b""), 6).expect("published");
    writer.flush(driver::PATIENCE).expect("delivered");
    let stop = CancellationToken::new();
    let mut source =
        start(&settings(&broker, "g"), &["a"], Until::EndOffsets, &stop).await.expect("started");
    let mut seen = Seen::default();
    let mut found = Vec::new();
    while let Some(event) = source.next().await.expect("no error") {
        if let SourceEvent::Records { records, .. } = event {
            for entry in &records.entries {
                let key = records.key(entry).map(<[u8]>::to_vec);
                found.push((key, entry.value.is_some(), entry.timestamp_ms));
            }
        } else {
            seen.take(event);
        }
    }
    let expected = [(Some(b"gone".to_vec()), false, 5), (Some(b"empty".to_vec()), true, 6)];
    assert_eq!(found, expected);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_are_not_there_are_named_and_later_picked_up() {
    let broker = broker(&[("a", 1)]);
    let mut settings = settings(&broker, "g");
    settings.properties.insert("topic.metadata.refresh.interval.ms".into(), "500".into());
    let stop = CancellationToken::new();
    let refused = start(&settings, &["a", "later"], Until::EndOffsets, &stop).await;
    let error = refused.err().expect("an end needs all topics");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.starts_with("kafka_topic `later` does not exist"), "{}", error.message);

    let mut source =
        start(&settings, &["a", "later"], Until::Stopped, &stop).await.expect("one is there");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.assigned.len() == 1).await;
    broker.create("later", 2).expect("created");
    publish(&broker, "later", 1, 0, 3);
    seen.read_until(&mut source, |seen| seen.record_count() == 3).await;
    assert_eq!(seen.offsets[&Partition::new("later", 1)], [0, 1, 2]);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_is_unavailable_and_named() {
    let stop = CancellationToken::new();
    let settings = Settings::new("127.0.0.1:1", "g");
    let error = start(&settings, &["a"], Until::Stopped, &stop).await.err().expect("no broker");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "no kafka broker of `127.0.0.1:1` answered within 10 s");
    assert!(error.help.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_dataset_is_read_again_from_recorded_progress() {
    let broker = broker(&[("a", 1), ("b", 1)]);
    let (a, b) = (Partition::new("a", 0), Partition::new("b", 0));
    publish(&broker, "a", 0, 0, 1_000);
    publish(&broker, "b", 0, 0, 1_000);
    let (settings, stop) = (settings(&broker, "g"), CancellationToken::new());
    let mut source = start(&settings, &["a", "b"], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.record_count() == 2_000).await;
    source.pause("ds_a");
    publish(&broker, "a", 0, 1_000, 500);
    publish(&broker, "b", 0, 1_000, 500);
    seen.read_until(&mut source, |seen| seen.offsets[&b].len() == 1_500).await;
    assert_eq!(seen.offsets[&b], (0..1_500).collect::<Vec<i64>>(), "the other goes on");

    // What came of it after 700 was never landed.
    seen.recorded.set(a.clone(), 700);
    source.resume("ds_a");
    let is_whole = |seen: &Seen| seen.offsets.get(&a).is_some_and(|o| o.last() == Some(&1_499));
    seen.read_until(&mut source, |seen| !seen.resumed.is_empty() && is_whole(seen)).await;
    assert_eq!(seen.resumed, [a.clone()]);
    assert_eq!(seen.offsets[&a], (700..1_500).collect::<Vec<i64>>());
    assert_eq!(seen.covers.0[&a], 700..1_500);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_paused_before_it_is_assigned_is_not_read_and_counts_as_ended() {
    let broker = broker(&[("a", 2), ("b", 1)]);
    publish(&broker, "a", 1, 0, 100);
    publish(&broker, "b", 0, 0, 100);
    let (settings, stop) = (settings(&broker, "g"), CancellationToken::new());
    let mut source =
        start(&settings, &["a", "b"], Until::EndOffsets, &stop).await.expect("started");
    source.pause("ds_a");
    let mut seen = Seen::default();
    seen.read_to_end(&mut source).await;
    assert_eq!(seen.offsets.keys().collect::<Vec<_>>(), [&Partition::new("b", 0)]);
    source.close().await;
}
