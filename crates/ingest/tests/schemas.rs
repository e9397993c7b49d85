//! Avro in the ingestion loop: a registry that is away, that comes back, that does not know an id.

use huiliu_decode::Limits as DecodeLimits;
use huiliu_ingest::{Limits, Metrics, Pipeline, Session, Summary};
use huiliu_model::clock::SystemClock;
use huiliu_model::contract::Format;
use huiliu_model::port::SourceEvent;
use huiliu_model::{Error, ErrorKind, Partition, Record, Records};
use huiliu_normalise::Protection;
use huiliu_testkit::{MemoryLanding, MemorySchemas, ScriptedSource, account_contract, json_record};
use prometheus::Registry;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FIRST: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"account_no","type":"string"},{"name":"status","type":["null","string"]}]}"#;
/// A field in front and another order: what the same values mean has changed.
const SECOND: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"floor","type":"int","default":0},{"name":"status","type":["null","string"]},
    {"name":"account_no","type":"string"}]}"#;

struct World {
    session: Session<MemoryLanding>,
    schemas: Arc<MemorySchemas>,
    metrics: Registry,
}

fn world(schemas: MemorySchemas) -> World {
    let schemas = Arc::new(schemas);
    let plain = account_contract();
    let mut avro = account_contract();
    avro.format = Format::ConfluentAvro;
    avro.dataset = "avro_account".into();
    avro.kafka_topics = "feed.avro.account".into();
    let metrics = Registry::new();
    let pipeline = |contract| {
        let plain = Arc::new(Protection::Plain);
        let made = Pipeline::new(Arc::new(contract), DecodeLimits::default(), plain);
        Arc::new(made.expect("no keys are needed").with_schemas(Arc::clone(&schemas) as _))
    };
    let session = Session {
        landing: Arc::new(MemoryLanding::default()),
        pipelines: [("account", plain), ("avro_account", avro)]
            .map(|(name, contract)| (Arc::from(name), pipeline(contract)))
            .into(),
        metrics: Arc::new(Metrics::register(&metrics).expect("an empty registry")),
        clock: Arc::new(SystemClock::default()),
        limits: Limits { preparing: 2, held_bytes: 1 << 20 },
        give_up: CancellationToken::new(),
    };
    World { session, schemas, metrics }
}

fn text(content: &str) -> Vec<u8> {
    // Zigzag: a length below 64 is twice itself.
    [&[u8::try_from(2 * content.len()).expect("short")], content.as_bytes()].concat()
}

fn framed(id: u8, value: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, id], value].concat()
}

fn first(id: u8, key: &str) -> Vec<u8> {
    framed(id, &[text(key), vec![2], text("1")].concat())
}

fn second(id: u8, key: &str) -> Vec<u8> {
    framed(id, &[vec![14, 2], text("2"), text(key)].concat())
}

fn records(first: i64, values: &[Vec<u8>]) -> SourceEvent {
    let mut records = Records::new("avro_account".into(), "feed.avro.account".into());
    for (offset, value) in (first..).zip(values) {
        let value = Some(records.store(value));
        records.entries.push(Record { partition: 0, offset, timestamp_ms: 1, key: None, value });
    }
    let end = first + i64::try_from(values.len()).expect("few");
    records.covers.0.insert(zero(), first..end);
    SourceEvent::Records { records, release: Box::new(()) }
}

fn zero() -> Partition {
    Partition::new("feed.avro.account", 0)
}

fn other(first: i64, key: &str) -> SourceEvent {
    let envelope = format!(
        r#"{{"v":1,"ds":"account","op":"c","seq":1,"event_time":null,"src":{{}},
        "before":null,"after":{{"account_no":"{key}","status":"1"}}}}"#
    );
    json_record("account", "feed.account", first, &[Some(&envelope)])
}

impl World {
    async fn run(&self, events: Vec<SourceEvent>) -> Result<Summary, Error> {
        self.session.run(&mut ScriptedSource::new(events)).await
    }

    /// Keys and statuses of the Avro dataset, in the order they landed.
    fn rows(&self) -> Vec<(String, String)> {
        use arrow::array::AsArray;
        let batches = self.session.landing.batches();
        let of_avro = batches.iter().filter(|batch| &*batch.dataset == "avro_account");
        let mut rows = Vec::new();
        for batch in of_avro.flat_map(|batch| &batch.rows) {
            let column = |name| batch.column_by_name(name).expect("a column").as_string::<i32>();
            let (keys, statuses) = (column("account_no"), column("status"));
            rows.extend(
                (0..batch.num_rows())
                    .map(|row| (keys.value(row).to_owned(), statuses.value(row).to_owned())),
            );
        }
        rows
    }

    fn waiting(&self) -> f64 {
        let families = self.metrics.gather();
        let family = families.iter().find(|f| f.name() == "huiliu_dataset_waiting");
        family.map_or(0.0, |f| f.get_metric().iter().map(|m| m.get_gauge().get_value()).sum())
    }
}

fn row(key: &str, status: &str) -> (String, String) {
    (key.to_owned(), status.to_owned())
}

#[tokio::test]
async fn schemas_that_change_in_mid_stream_are_looked_up_once_each() {
    let world = world(MemorySchemas::new([(1, FIRST), (2, SECOND)]));
    let events = vec![
        records(0, &[first(1, "a"), second(2, "b"), first(1, "c")]),
        records(3, &[second(2, "d")]),
    ];
    let summary = world.run(events).await.expect("it ends");
    assert_eq!(summary.tallies["avro_account"].accepted, 4);
    assert_eq!(world.rows(), [row("a", "1"), row("b", "2"), row("c", "1"), row("d", "2")]);
    assert_eq!(world.schemas.asked(), 2);
}

#[tokio::test]
async fn an_id_that_the_registry_does_not_know_is_a_reject_and_holds_up_nothing() {
    let world = world(MemorySchemas::new([(1, FIRST)]));
    let events = vec![records(0, &[first(9, "a"), first(1, "b"), vec![1, 2, 3, 4, 5, 6]])];
    let summary = world.run(events).await.expect("it ends");
    let tally = summary.tallies["avro_account"];
    assert_eq!((tally.accepted, tally.rejected), (1, 2));
    let batches = world.session.landing.batches();
    let rejects = &batches[0].rejects[0];
    use arrow::array::AsArray;
    let reasons = rejects.column_by_name("reason").expect("a column").as_string::<i32>();
    let reasons: Vec<_> = reasons.iter().flatten().collect();
    assert_eq!(reasons, ["SCHEMA_UNKNOWN", "MAGIC_BYTE"]);
}

#[tokio::test]
async fn a_registry_that_is_away_holds_up_its_dataset_alone_and_nothing_is_lost() {
    let world = world(MemorySchemas::new([(1, FIRST), (2, SECOND)]));
    world.schemas.set_away(true);
    let events = vec![
        records(0, &[first(1, "a")]),
        other(0, "x"),
        records(1, &[second(2, "b")]),
        other(1, "y"),
    ];
    let back = async {
        // By then the other dataset has landed, and this one waits.
        let landed = || {
            let batches = world.session.landing.batches();
            batches.iter().any(|batch| &*batch.dataset == "account")
        };
        while !landed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(world.rows(), []);
        assert!((world.waiting() - 1.0).abs() < f64::EPSILON);
        world.schemas.set_away(false);
    };
    let (summary, ()) = tokio::join!(world.run(events), back);
    let summary = summary.expect("it goes on by itself");
    assert_eq!(summary.tallies["avro_account"].accepted, 2);
    assert_eq!(summary.tallies["account"].accepted, 2);
    assert_eq!(world.rows(), [row("a", "1"), row("b", "2")]);
    assert!(world.waiting().abs() < f64::EPSILON);
}

#[tokio::test]
async fn who_gives_up_leaves_the_records_for_the_next_time() {
    let world = world(MemorySchemas::new([(1, FIRST)]));
    world.schemas.set_away(true);
    let give_up = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.session.give_up.cancel();
    };
    let run = world.run(vec![records(0, &[first(1, "a")]), other(0, "x")]);
    let (result, ()) = tokio::join!(run, give_up);
    assert_eq!(result.expect_err("it did not land everything").kind, ErrorKind::Unavailable);
    assert_eq!(world.session.landing.recorded().get(&zero()), None);
    let other = Partition::new("feed.account", 0);
    assert_eq!(world.session.landing.recorded().get(&other), Some(1), "the others landed");
}

#[tokio::test]
async fn without_a_registry_the_settings_are_wrong() {
    let mut contract = account_contract();
    contract.format = Format::ConfluentAvro;
    let plain = Arc::new(Protection::Plain);
    let pipeline = Pipeline::new(Arc::new(contract), DecodeLimits::default(), plain);
    let SourceEvent::Records { records, .. } = records(0, &[first(1, "a")]) else { return };
    let error = pipeline.expect("sound").resolve(&records).await.expect_err("no registry");
    assert_eq!(error.kind, ErrorKind::Invalid);
}
