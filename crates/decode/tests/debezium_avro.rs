//! `debezium_avro`: envelopes written by hand mean what their JSON means.

mod support;

use huiliu_decode::Decoder;
use huiliu_model::Changes;
use huiliu_model::contract::Format;
use support::avro::{branch, framed, learn, long, record, text};
use support::{assert_balanced, decoder, transcript};

const COLUMNS: [&str; 3] = ["account_no", "holder", "amount"];

/// The envelope of a PostgreSQL connector, as Confluent's converter writes its schema.
const ENVELOPE: &str = r#"{"type":"record","name":"Envelope","namespace":"city.public.account",
  "connect.name":"city.public.account.Envelope","fields":[
  {"name":"before","default":null,"type":["null",{"type":"record","name":"Value","fields":[
    {"name":"account_no","type":"string"},
    {"name":"holder","type":["null","string"],"default":null},
    {"name":"amount","type":["null",{"type":"bytes","scale":2,"precision":8,
      "connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}]}]}]},
  {"name":"after","type":["null","Value"],"default":null},
  {"name":"source","type":{"type":"record","name":"Source",
    "namespace":"io.debezium.connector.postgresql","fields":[
    {"name":"version","type":"string"},{"name":"connector","type":"string"},
    {"name":"ts_ms","type":"long"},
    {"name":"snapshot","type":[{"type":"string","connect.version":1},"null"],"default":"false"},
    {"name":"lsn","type":["null","long"],"default":null}]}},
  {"name":"transaction","type":["null",{"type":"record","name":"block","namespace":"event",
    "fields":[{"name":"id","type":"string"},{"name":"total_order","type":"long"}]}]},
  {"name":"op","type":"string"},
  {"name":"ts_ms","type":["null","long"],"default":null}]}"#;

fn row(no: &str, holder: Option<&str>, cents: &[u8]) -> Vec<u8> {
    let holder = holder.map_or_else(|| vec![0], |holder| branch(1, text(holder)));
    [text(no), holder, branch(1, support::avro::bytes(cents))].concat()
}

fn envelope(
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
    lsn: Option<i64>,
    op: &str,
) -> Vec<u8> {
    let image = |row: Option<Vec<u8>>| row.map_or_else(|| vec![0], |row| branch(1, row));
    let lsn = lsn.map_or_else(|| vec![0], |lsn| branch(1, long(lsn)));
    let source =
        [text("3.0"), text("postgresql"), long(1_700_000_000_123), branch(0, text("false"))];
    let transaction = branch(1, [text("7:1"), long(2)].concat());
    let rest = [transaction, text(op), branch(1, long(1_700_000_000_456))].concat();
    framed(1, &[image(before), image(after), source.concat(), lsn, rest].concat())
}

fn decode(decoder: &Decoder, values: &[Vec<u8>]) -> (Vec<String>, Changes) {
    let records = support::values(values.iter().map(Vec::as_slice));
    let changes = decoder.decode(&records);
    assert_balanced(&changes, &records);
    (transcript(&changes, &records), changes)
}

fn known() -> Decoder {
    let decoder = decoder(Format::DebeziumAvro, &COLUMNS, 1);
    learn(&decoder, 1, ENVELOPE);
    decoder
}

#[test]
fn operations_positions_and_images_are_those_of_the_json() {
    let a = || row("A", Some("张三"), &[0x30, 0x39]);
    let b = || row("B", None, &[0xff]);
    let values = [
        envelope(None, Some(a()), Some(34_468_104), "c"),
        envelope(Some(a()), Some(a()), Some(34_468_105), "u"),
        envelope(Some(a()), Some(b()), Some(34_468_106), "u"),
        envelope(Some(a()), None, Some(34_468_107), "d"),
        envelope(None, Some(a()), Some(34_468_108), "r"),
        envelope(None, None, Some(1), "m"),
        envelope(None, None, Some(1), "t"),
        envelope(None, Some(a()), Some(1), "x"),
        envelope(Some(a()), None, Some(1), "u"),
        envelope(None, Some(a()), None, "c"),
    ];
    let time = "1700000000123000";
    assert_eq!(
        decode(&known(), &values).0,
        [
            format!("0.0 c 34468104 {time}: 'A' '张三' %123.45"),
            format!("1.0 u 34468105 {time}: 'A' '张三' %123.45"),
            format!("2.0 d 34468106 {time}: 'A' missing missing"),
            format!("2.1 c 34468106 {time}: 'B' null %-0.01"),
            format!("3.0 d 34468107 {time}: 'A' missing missing"),
            format!("4.0 r 34468108 {time}: 'A' '张三' %123.45"),
            "7 OP_UNKNOWN -".to_owned(),
            "8 IMAGE_MISSING -".to_owned(),
            "9 SEQUENCE_MISSING -".to_owned(),
            "skipped 0 tombstone 2 control".to_owned(),
            format!("truncated at 3/1 by 0:106 {time}"),
        ]
    );
}

#[test]
fn heartbeats_and_transaction_markers_have_schemas_of_their_own() {
    let decoder = known();
    learn(&decoder, 2, &record(&[("ts_ms", "\"long\"")]));
    let marker = record(&[
        ("status", "\"string\""),
        ("id", "\"string\""),
        ("event_count", r#"["null","long"]"#),
        ("ts_ms", "\"long\""),
    ]);
    learn(&decoder, 3, &marker);
    learn(&decoder, 4, &record(&[("account_no", "\"string\"")]));
    let values = [
        framed(2, &long(1_700_000_000_123)),
        framed(3, &[text("BEGIN"), text("7:1"), vec![0], long(5)].concat()),
        framed(4, &text("A")),
    ];
    assert_eq!(decode(&decoder, &values).0, ["2 OP_UNKNOWN -", "skipped 0 tombstone 2 control"]);
}

#[test]
fn a_value_that_was_not_sent_is_told_from_one_that_was() {
    let unsent = row("A", Some("__debezium_unavailable_value"), &[1]);
    let values = [envelope(None, Some(unsent), Some(5), "u")];
    assert_eq!(decode(&known(), &values).0, ["0.0 u 5 1700000000123000: 'A' unavailable %0.01"]);
}

#[test]
fn debeziums_own_types_are_read_by_their_names() {
    let named = |of: &str, name: &str| format!(r#"{{"type":"{of}","connect.name":"{name}"}}"#);
    let variable = r#"{"type":"record","name":"VariableScaleDecimal",
        "namespace":"io.debezium.data","connect.name":"io.debezium.data.VariableScaleDecimal",
        "fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]}"#;
    // 2020-04-07 is day 18359; its 08:30:00.5 in milliseconds of the local clock.
    let ms = 1_586_248_200_500;
    for (of, value, expected) in [
        (named("int", "io.debezium.time.Date"), long(18_359), "%2020-04-07"),
        (named("long", "io.debezium.time.Timestamp"), long(ms), "%2020-04-07T08:30:00.500"),
        (
            named("long", "io.debezium.time.MicroTimestamp"),
            long(ms * 1_000),
            "%2020-04-07T08:30:00.500",
        ),
        (
            named("long", "io.debezium.time.NanoTimestamp"),
            long(ms * 1_000_000),
            "%2020-04-07T08:30:00.500",
        ),
        (
            r#"{"type":"long","connect.name":"org.apache.kafka.connect.data.Timestamp",
                "logicalType":"timestamp-millis"}"#
                .to_owned(),
            long(ms),
            "%2020-04-07T08:30:00.500",
        ),
        (named("int", "io.debezium.time.Time"), long(30_600_000), "%08:30:00"),
        (named("long", "io.debezium.time.MicroTime"), long(30_600_000_001), "%08:30:00.000001"),
        (named("int", "io.debezium.time.Year"), long(2020), "%2020"),
        (
            named("string", "io.debezium.time.ZonedTimestamp"),
            text("2020-04-07T00:30:00Z"),
            "'2020-04-07T00:30:00Z'",
        ),
        (named("string", "io.debezium.data.Json"), text("{\"a\":1}"), "'{\"a\":1}'"),
        (named("string", "io.debezium.data.Enum"), text("on"), "'on'"),
        (named("bytes", "io.debezium.data.Bits"), support::avro::bytes(&[5]), "%BQ=="),
        (variable.to_owned(), [long(3), support::avro::bytes(&[0x30, 0x39])].concat(), "%12.345"),
        (
            r#"{"type":"array","items":"string"}"#.to_owned(),
            [long(1), text("__debezium_unavailable_value"), long(0)].concat(),
            "unavailable",
        ),
    ] {
        let decoder = decoder(Format::DebeziumAvro, &["a", "b"], 1);
        let row = record(&[("a", "\"string\""), ("b", &of)]);
        let source = r#"{"type":"record","name":"S","fields":[{"name":"lsn","type":"long"}]}"#;
        let schema = format!(
            r#"{{"type":"record","name":"E","fields":[{{"name":"after","type":{row}}},
            {{"name":"source","type":{source}}},{{"name":"op","type":"string"}}]}}"#
        );
        learn(&decoder, 1, &schema);
        let value = framed(1, &[text("k"), value, long(9), text("c")].concat());
        let (shown, _) = decode(&decoder, &[value]);
        assert_eq!(shown, [format!("0.0 c 9 -: 'k' {expected}")], "{of}");
    }
}

#[test]
fn fields_that_the_contract_does_not_name_are_counted_once_a_record() {
    let decoder = decoder(Format::DebeziumAvro, &["account_no", "amount"], 1);
    learn(&decoder, 1, ENVELOPE);
    let a = || row("A", None, &[1]);
    let values =
        [envelope(Some(a()), Some(a()), Some(1), "u"), envelope(None, Some(a()), Some(2), "c")];
    let (_, changes) = decode(&decoder, &values);
    let strangers: Vec<_> = changes.strangers.iter().map(|s| (&*s.name, s.count)).collect();
    assert_eq!(strangers, [("holder", 2)]);
}
