//! What librdkafka's mock cannot show, against a real cluster: transactions, new partitions,
//! records deleted under the reader.
//!
//! `tests/e2e/test_kafka_crate.py` runs them on its broker; by hand, with a broker's address:
//! `HUILIU_TEST_KAFKA=localhost:9092 cargo test --release --workspace --test real -- --ignored`.
//! Topics get new names on every run.

mod driver;

use driver::{PATIENCE, Seen, start};
use huiliu_kafka::{Publisher, Settings, Until};
use huiliu_model::Partition;
use huiliu_model::clock::SystemClock;
use huiliu_model::{Clock, port::IncidentKind};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn servers() -> String {
    std::env::var("HUILIU_TEST_KAFKA").expect("HUILIU_TEST_KAFKA names a broker")
}

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", servers()).create().expect("an admin client")
}

async fn create(name: &str, partitions: i32) -> String {
    let topic = format!("{name}-{}", SystemClock::default().now_us());
    let wanted = NewTopic::new(&topic, partitions, TopicReplication::Fixed(1));
    admin().create_topics([&wanted], &AdminOptions::new()).await.expect("created");
    topic
}

fn settings(topic: &str) -> Settings {
    let mut settings = Settings::new(servers(), format!("group-of-{topic}"));
    settings.properties.insert("topic.metadata.refresh.interval.ms".into(), "500".into());
    settings
}

fn transact(producer: &BaseProducer, topic: &str, partition: i32, count: usize, commit: bool) {
    producer.begin_transaction().expect("begun");
    for n in 0..count {
        let (key, value) = (n.to_string(), format!("{commit} {n}"));
        let record = BaseRecord::to(topic).partition(partition).key(&key).payload(&value);
        producer.send(record).map_err(|(error, _)| error).expect("sent");
    }
    producer.flush(PATIENCE).expect("flushed");
    if commit {
        producer.commit_transaction(PATIENCE).expect("committed");
    } else {
        producer.abort_transaction(PATIENCE).expect("aborted");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/e2e/test_kafka_crate.py runs it, on a real broker"]
async fn aborted_records_and_control_records_are_covered_and_not_delivered() {
    let topic = create("transactions", 3).await;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers())
        .set("transactional.id", &topic)
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("initialised");
    // Partition 0: records 0..10, marker, aborted 11..16, marker, records 17..20, marker.
    transact(&producer, &topic, 0, 10, true);
    transact(&producer, &topic, 0, 5, false);
    transact(&producer, &topic, 0, 3, true);
    // Partition 1 holds nothing but an aborted transaction: 0..5 and a marker.
    transact(&producer, &topic, 1, 5, false);

    let stop = CancellationToken::new();
    let settings = settings(&topic);
    let mut source = start(&settings, &[&topic], Until::EndOffsets, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_to_end(&mut source).await;
    let partition = |number| Partition::new(topic.as_str(), number);
    let expected: Vec<i64> = (0..10).chain(17..20).collect();
    assert_eq!(seen.offsets[&partition(0)], expected);
    assert_eq!(seen.offsets.len(), 1);
    assert_eq!(seen.covers.0[&partition(0)], 0..21);
    assert_eq!(seen.covers.0[&partition(1)], 0..6);
    assert!(!seen.covers.0.contains_key(&partition(2)), "nothing was there");
    assert!(seen.values.iter().all(|value| value.starts_with("true")));
    source.close().await;

    // From recorded progress inside the gap, the second run has nothing left to read.
    let stop = CancellationToken::new();
    let mut again = start(&settings, &[&topic], Until::EndOffsets, &stop).await.expect("started");
    let mut seen = Seen { recorded: seen.recorded, ..Seen::default() };
    seen.read_to_end(&mut again).await;
    assert_eq!(seen.record_count(), 0);
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/e2e/test_kafka_crate.py runs it, on a real broker"]
async fn a_new_partition_is_read_from_its_beginning() {
    let topic = create("growing", 1).await;
    let stop = CancellationToken::new();
    let settings = settings(&topic);
    let mut source = start(&settings, &[&topic], Until::Stopped, &stop).await.expect("started");
    let mut seen = Seen::default();
    seen.read_until(&mut source, |seen| seen.assigned.len() == 1).await;
    let more = NewPartitions::new(&topic, 2);
    admin().create_partitions([&more], &AdminOptions::new()).await.expect("grown");
    let mut writer = Publisher::connect(&servers(), &BTreeMap::new()).expect("a publisher");
    for n in 0..4_i64 {
        // The client may not know of the partition yet.
        let mut tries = 0..100;
        while writer.publish(&topic, Some(1), b"k", Some(b"v"), n).is_err() {
            tries.next().expect("the partition becomes known in time");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    writer.flush(PATIENCE).expect("delivered");
    seen.read_until(&mut source, |seen| seen.record_count() == 4).await;
    assert_eq!(seen.offsets[&Partition::new(topic.as_str(), 1)], [0, 1, 2, 3]);
    source.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "tests/e2e/test_kafka_crate.py runs it, on a real broker"]
async fn records_deleted_before_they_were_read_are_an_incident() {
    let topic = create("deleted", 2).await;
    let mut writer = Publisher::connect(&servers(), &BTreeMap::new()).expect("a publisher");
    for partition in 0..2 {
        for n in 0..20_i64 {
            writer.publish(&topic, Some(partition), b"k", Some(b"v"), n).expect("published");
        }
    }
    writer.flush(PATIENCE).expect("delivered");
    let mut upto = TopicPartitionList::new();
    upto.add_partition_offset(&topic, 0, Offset::Offset(12)).expect("added");
    admin().delete_records(&upto, &AdminOptions::new()).await.expect("deleted");

    let stop = CancellationToken::new();
    let settings = settings(&topic);
    let partition = |number| Partition::new(topic.as_str(), number);
    let mut seen = Seen::default();
    seen.recorded.set(partition(0), 5);
    let mut source = start(&settings, &[&topic], Until::EndOffsets, &stop).await.expect("started");
    seen.read_to_end(&mut source).await;
    assert_eq!(seen.incidents.len(), 1);
    assert_eq!(seen.incidents[0].kind, IncidentKind::OffsetExpired);
    assert_eq!(seen.incidents[0].available, 12..20);
    assert_eq!(seen.offsets[&partition(1)].len(), 20);
    assert!(!seen.offsets.contains_key(&partition(0)));
    source.close().await;
}
