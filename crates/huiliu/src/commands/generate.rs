//! `huiliu generate`: a seeded city as records, into Kafka or onto standard output.

mod log;

use self::log::Log;
use crate::cli::{GenerateArgs, Global, Target};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::settings;
use huiliu_citygen::{Event, Plan, city, datasets};
use huiliu_kafka::Publisher;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// How long the brokers have to acknowledge the last records.
const FLUSH_PATIENCE: Duration = Duration::from_secs(60);
/// Records between two movements of the progress bar.
const TICK_EVERY: u64 = 1_000;

/// Makes a city and sends it where it was asked for.
///
/// # Errors
/// When the brokers or standard output do not take the records.
pub fn execute(args: &GenerateArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    match args.output {
        Target::Ndjson => print(args),
        Target::Kafka => publish(args, global, console),
    }
}

fn plan(args: &GenerateArgs) -> Plan {
    let usual = Plan::new(args.seed, args.records);
    Plan {
        defects: (args.defects > 0.0).then_some(args.defects),
        as_of: args.as_of.unwrap_or(usual.as_of),
        ..usual
    }
}

fn print(args: &GenerateArgs) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut log = Log::open(args.log.as_deref())?;
    for event in city(plan(args)) {
        log.note(&event)?;
        serde_json::to_writer(&mut out, &document(&event)).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    log.close()
}

/// A record for programs: its value as JSON where it is JSON, as text where a defect broke it,
/// and null for a tombstone.
fn document(event: &Event) -> Value {
    let value = event.value.as_deref().map_or(Value::Null, |bytes| {
        serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes).into_owned().into())
    });
    let defects: Vec<Value> = event
        .defects
        .iter()
        .map(|defect| json!({"field": defect.field, "code": defect.code, "clean": defect.clean}))
        .collect();
    json!({
        "dataset": event.dataset,
        "kafka_topic": event.kafka_topic,
        "key": text(&event.key),
        "sequence": event.sequence,
        "value": value,
        "timestamp_ms": event.timestamp_ms,
        "defects": defects,
    })
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn publish(args: &GenerateArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let settings = settings(global)?;
    let Some(servers) = settings.kafka.bootstrap_servers.clone() else {
        return Err(Failure::invalid("no Kafka broker is named")
            .help("give --bootstrap-servers host:port, or --output ndjson to print the records"));
    };
    let mut properties = settings.kafka_properties().map_err(|f| Failure::Findings(vec![f]))?;
    // A publisher is in no group.
    properties.retain(|name, _| !name.starts_with("group.") && !CONSUMER.contains(&name.as_str()));
    if args.create_topics {
        let names: Vec<&str> = datasets().map(|(_, kafka_topic)| kafka_topic).collect();
        huiliu_kafka::create_topics(&servers, &properties, &names, args.partitions)?;
    }
    let mut publisher = Publisher::connect(&servers, &properties)?;
    let bar = bar(args.records, console);
    let mut sent = Sent::default();
    let mut log = Log::open(args.log.as_deref())?;
    for event in city(plan(args)) {
        log.note(&event)?;
        send(&mut publisher, &event)?;
        sent.note(&event);
        if sent.records.is_multiple_of(TICK_EVERY) {
            bar.set_position(sent.records);
        }
    }
    publisher.flush(FLUSH_PATIENCE)?;
    log.close()?;
    bar.finish_and_clear();
    let summary = json!({
        "format_version": "1.0",
        "records": sent.records,
        "delivered": publisher.delivered(),
        "seed": args.seed,
        "bytes": sent.bytes,
        "defects": sent.defects,
        "kafka_topics": sent.topics,
    });
    writeln!(io::stdout().lock(), "{summary}")?;
    Ok(())
}

/// Properties that only a consumer has; librdkafka warns of them on a publisher.
const CONSUMER: [&str; 4] =
    ["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "isolation.level"];

/// Hands one event to the publisher.
///
/// # Errors
/// As the publisher says.
pub fn send(publisher: &mut Publisher, event: &Event) -> Result<(), Failure> {
    let value = event.value.as_deref();
    publisher.publish(event.kafka_topic, None, &event.key, value, event.timestamp_ms)?;
    Ok(())
}

/// What was sent.
#[derive(Debug, Default)]
struct Sent {
    records: u64,
    bytes: u64,
    /// Records per kind of defect.
    defects: BTreeMap<&'static str, u64>,
    /// Records per Kafka topic.
    topics: BTreeMap<&'static str, u64>,
}

impl Sent {
    fn note(&mut self, event: &Event) {
        self.records += 1;
        self.bytes += event.key.len() as u64;
        self.bytes += event.value.as_ref().map_or(0, |value| value.len() as u64);
        *self.topics.entry(event.kafka_topic).or_default() += 1;
        for defect in &event.defects {
            *self.defects.entry(defect.code).or_default() += 1;
        }
    }
}

fn bar(records: u64, console: &Console) -> ProgressBar {
    if !console.live() {
        return ProgressBar::hidden();
    }
    let template = "{spinner} {bar:32} {human_pos}/{human_len} records  {per_sec}  {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    console.bars().add(ProgressBar::new(records).with_style(style))
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_citygen::Injected;

    #[test]
    fn a_broken_value_is_printed_as_text_and_a_tombstone_as_null() {
        let event = |value: Option<&[u8]>| Event {
            dataset: "water_bill",
            kafka_topic: "feed.water.bill",
            sequence: 1_000_002,
            key: b"5001|2020-05-01".to_vec(),
            value: value.map(<[u8]>::to_vec),
            timestamp_ms: 7,
            defects: vec![Injected { field: "@record", code: "D50", clean: None }],
        };
        let value = |bytes| document(&event(bytes))["value"].clone();
        assert_eq!(value(Some(br#"{"v":1}"#)), json!({"v": 1}));
        assert_eq!(value(Some(br#"{"v":"#)), json!("{\"v\":"));
        assert_eq!(value(None), Value::Null);
        let defects = json!([{"field": "@record", "code": "D50", "clean": null}]);
        assert_eq!(document(&event(None))["defects"], defects);
    }
}
