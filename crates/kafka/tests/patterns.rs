//! Datasets read from every Kafka topic that matches a pattern, against librdkafka's mock broker.

mod driver;

use driver::{Seen, broker, publish, settings, start};
use huiliu_kafka::{Settings, Until, end_offsets};
use huiliu_model::port::Source;
use huiliu_model::{ErrorKind, Partition};
use tokio_util::sync::CancellationToken;

const BILLS: &str = r"^bill(\.[a-z]+)?$";

/// Settings that see a new topic soon.
fn lively(broker: &huiliu_kafka::MockBroker) -> Settings {
    let mut settings = settings(broker, "g");
    settings.properties.insert("topic.metadata.refresh.interval.ms".into(), "500".into());
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_match_are_one_dataset_and_later_ones_are_read_from_their_beginning() {
    let broker = broker(&[("bill", 2), ("bill.east", 1), ("bill.2", 1), ("reading", 1)]);
    publish(&broker, "bill", 1, 0, 100);
    publish(&broker, "bill.east", 0, 0, 50);
    publish(&broker, "bill.2", 0, 0, 10);
    let stop = CancellationToken::new();
    let settings = lively(&broker);
    let mut source = start(&settings, &[BILLS], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.record_count() == 150).await;

    broker.create("bill.west", 2).expect("created");
    broker.create("bills", 1).expect("created");
    publish(&broker, "bill.west", 0, 0, 30);
    publish(&broker, "bill.west", 1, 0, 5);
    publish(&broker, "bills", 0, 0, 5);
    seen.read_until(&mut source, |seen| seen.record_count() == 185).await;
    source.close().await;
    for (topic, partition, count) in
        [("bill", 1, 100), ("bill.east", 0, 50), ("bill.west", 0, 30), ("bill.west", 1, 5)]
    {
        let partition = Partition::new(topic, partition);
        assert_eq!(seen.offsets[&partition], (0..count).collect::<Vec<i64>>(), "{partition}");
    }
    assert_eq!(seen.offsets.len(), 4, "nothing of `bill.2`, `bills` and `reading`");
    assert_eq!(seen.datasets, [format!("ds_{BILLS}")].into());

    // What had progress goes on from it; what had none begins at its beginning.
    seen.recorded.0.remove(&Partition::new("bill.west", 1));
    publish(&broker, "bill.east", 0, 50, 1);
    let stop = CancellationToken::new();
    let mut again = start(&settings, &[BILLS], Until::EndOffsets, &stop).await.expect("started");
    let mut later = Seen { recorded: seen.recorded, ..Seen::default() };
    later.read_to_end(&mut again).await;
    assert_eq!(later.offsets[&Partition::new("bill.east", 0)], [50]);
    assert_eq!(later.offsets[&Partition::new("bill.west", 1)], [0, 1, 2, 3, 4]);
    assert_eq!(later.record_count(), 6);
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_dataset_is_paused_in_all_its_topics_and_in_new_ones() {
    let broker = broker(&[("bill", 1), ("bill.east", 1), ("reading", 1)]);
    publish(&broker, "bill", 0, 0, 10);
    publish(&broker, "bill.east", 0, 0, 10);
    let stop = CancellationToken::new();
    let settings = lively(&broker);
    let mut source =
        start(&settings, &[BILLS, "reading"], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.record_count() == 20).await;
    source.pause(&format!("ds_{BILLS}"));
    publish(&broker, "bill", 0, 10, 10);
    publish(&broker, "bill.east", 0, 10, 10);
    broker.create("bill.west", 1).expect("created");
    publish(&broker, "bill.west", 0, 0, 10);
    let west = Partition::new("bill.west", 0);
    seen.read_until(&mut source, |seen| seen.assigned.contains(&west)).await;
    publish(&broker, "reading", 0, 0, 10);
    seen.read_until(&mut source, |seen| seen.record_count() == 30).await;
    assert_eq!(seen.offsets[&Partition::new("reading", 0)].len(), 10);

    source.resume(&format!("ds_{BILLS}"));
    seen.read_until(&mut source, |seen| seen.resumed.len() == 3).await;
    seen.read_until(&mut source, |seen| seen.offsets.values().all(|o| o.len() == 10)).await;
    seen.read_until(&mut source, |seen| seen.offsets.contains_key(&west)).await;
    assert_eq!(seen.offsets[&Partition::new("bill", 0)], (10..20).collect::<Vec<i64>>());
    assert_eq!(seen.offsets[&west], (0..10).collect::<Vec<i64>>());
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_nothing_matches_is_named_and_two_that_share_a_topic_are_refused() {
    let broker = broker(&[("reading", 1)]);
    let stop = CancellationToken::new();
    let settings = lively(&broker);
    let refused = start(&settings, &["reading", BILLS], Until::EndOffsets, &stop).await;
    let error = refused.err().expect("an end needs all topics");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let servers = broker.bootstrap_servers();
    let message = format!("no kafka_topic of `{servers}` matches `{BILLS}`");
    assert_eq!(error.message, message);

    let refused = start(&settings, &["bill.east", BILLS], Until::Stopped, &stop).await;
    let error = refused.err().expect("`bill.east` would have two datasets");
    assert_eq!(error.kind, ErrorKind::Invalid);
    let message = format!("datasets `ds_bill.east` and `ds_{BILLS}` would both read `bill.east`");
    assert_eq!(error.message, message);
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_told_of_every_topic_that_matches() {
    let broker = broker(&[("bill", 2), ("bill.east", 1), ("reading", 1)]);
    publish(&broker, "bill", 1, 0, 7);
    publish(&broker, "bill.east", 0, 0, 3);
    let (settings, routes) = (lively(&broker), driver::routes(&[BILLS]));
    let asked = tokio::task::spawn_blocking(move || end_offsets(&settings, &routes));
    let ends = asked.await.expect("no panic").expect("answered");
    let expected = [("bill", 0, 0), ("bill", 1, 7), ("bill.east", 0, 3)];
    let expected = expected.map(|(topic, number, end)| (Partition::new(topic, number), end));
    assert_eq!(ends, expected.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_outgrow_the_memory_budget_begin_a_new_session() {
    let broker = broker(&[("bill", 1)]);
    let stop = CancellationToken::new();
    let mut settings = lively(&broker);
    // A quarter of 8 MiB for one partition: three of them pass the half.
    settings.budget_bytes = 8 << 20;
    let mut source = start(&settings, &[BILLS], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.assigned.len() == 1).await;
    broker.create("bill.east", 2).expect("created");
    let error = loop {
        match source.next().await {
            Ok(Some(event)) => seen.take(event),
            Ok(None) => panic!("it ends with its reason"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::Superseded, "{error}");
    assert_eq!(error.message, "3 partitions are assigned, the queues were made for 1");
    source.close().await;

    let mut again = start(&settings, &[BILLS], Until::Stopped, &stop).await.expect("started");
    publish(&broker, "bill.east", 1, 0, 3);
    seen.read_until(&mut again, |seen| seen.record_count() == 3).await;
    again.close().await;
}
