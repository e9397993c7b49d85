//! Prints how fast records are decoded on one core, beside a plain copy of the same bytes and a
//! structural pass over them:
//! `cargo run --release -p huiliu-decode --example throughput`.

#[path = "../tests/support/mod.rs"]
mod support;

use huiliu_decode::scan::Cursor;
use huiliu_model::clock::{Clock, SystemClock};
use huiliu_model::contract::Format;
use huiliu_model::{Record, Records};
use std::hint::black_box;
use std::time::Duration;
use support::decoder;

/// Few enough that a run fits between two interruptions of a busy machine.
const COUNT: u32 = 2_000;
const ROUNDS: usize = 400;
const COLUMNS: [&str; 10] = [
    "account_no",
    "meter_no",
    "name",
    "division",
    "kind",
    "status",
    "opened",
    "area",
    "rooms",
    "ok",
];

fn main() {
    let huiliu = batch(|n| {
        format!(
            concat!(
                r#"{{"v":1,"ds":"water_account","op":"u","seq":{},"#,
                r#""event_time":"2020-04-07T08:30:00.123456+08:00","src":{{"dept":"11500000"}},"#,
                r#""before":null,"after":{}}}"#
            ),
            900_000_000 + n,
            row(n)
        )
    });
    let bad = spoiled(&huiliu);
    let escaped = batch(|n| {
        let text = format!(
            r#"{{"v":1,"ds":"water_account","op":"u","seq":{n},"before":null,"after":{}}}"#,
            row(n)
        );
        text.replace("重庆市", r"\u91cd\u5e86\u5e02").replace("E0", r"E\/0")
    });
    let debezium = batch(|n| change(n, ""));
    let golden = include_str!("../tests/data/create_with_schema.json");
    let schema = golden.split_once(",\"payload\":").map_or("", |(schema, _)| &schema[1..]);
    let with_schema = batch(|n| change(n, schema));
    let plain = batch(row);

    println!("| records | bytes | MB/s | ns/record | copy MB/s | structural pass MB/s |");
    println!("|---|---|---|---|---|---|");
    report("huiliu_json, 10 columns", Format::HuiliuJson, &huiliu);
    report("huiliu_json, every tenth record bad", Format::HuiliuJson, &bad);
    report("huiliu_json, two escaped cells", Format::HuiliuJson, &escaped);
    report("debezium_json, 10 columns", Format::DebeziumJson, &debezium);
    report("debezium_json with schema", Format::DebeziumJson, &with_schema);
    report("json, 10 columns", Format::Json, &plain);
}

fn row(n: u32) -> String {
    format!(
        concat!(
            r#"{{"account_no":"02300{:05}","meter_no":"E0{:06}","name":"重庆市水务","#,
            r#""division":"500103","kind":"01","status":"1","opened":"2019-03-05","#,
            r#""area":{}.25,"rooms":3,"ok":true}}"#
        ),
        n,
        n,
        80 + n % 40
    )
}

fn change(n: u32, schema: &str) -> String {
    let payload = format!(
        concat!(
            r#"{{"before":null,"after":{},"source":{{"version":"3.0.8.Final","#,
            r#""connector":"postgresql","name":"city","ts_ms":1700000000123,"snapshot":"false","#,
            r#""db":"water","sequence":"[\"34468048\",\"34468104\"]","ts_us":1700000000123459,"#,
            r#""ts_ns":1700000000123459000,"schema":"public","table":"account","txId":790,"#,
            r#""lsn":{},"xmin":null}},"transaction":null,"op":"u","ts_ms":1700000000535,"#,
            r#""ts_us":1700000000535117,"ts_ns":1700000000535117542}}"#
        ),
        row(n),
        34_468_104 + n
    );
    if schema.is_empty() { payload } else { format!("{{{schema},\"payload\":{payload}}}") }
}

fn batch(text: impl Fn(u32) -> String) -> Records {
    let mut records = Records::new("water_account".into(), "feed.water.account".into());
    for n in 0..COUNT {
        let value = Some(records.store(text(n).as_bytes()));
        let offset = i64::from(n);
        records.entries.push(Record { partition: 0, offset, timestamp_ms: 0, key: None, value });
    }
    records
}

/// Every tenth record breaks at its last byte.
fn spoiled(good: &Records) -> Records {
    let mut records = good.clone();
    for entry in good.entries.iter().step_by(10) {
        if let Some(value) = &entry.value {
            records.arena[value.end as usize - 1] = b'!';
        }
    }
    records
}

fn report(title: &str, format: Format, records: &Records) {
    let decoder = decoder(format, &COLUMNS, 1);
    let changes = decoder.decode(records);
    assert_eq!(changes.rows.len() + changes.rejects.len(), records.entries.len());
    let decoding = fastest(|| {
        black_box(decoder.decode(black_box(records)));
    });
    let mut copy = vec![0; records.arena.len()];
    let copying = fastest(|| copy.copy_from_slice(black_box(&records.arena)));
    let passing = fastest(|| {
        for entry in &records.entries {
            let value = records.value(entry).unwrap_or_default();
            black_box(Cursor::new(value, 32).value().is_ok());
        }
    });
    let bytes = records.arena.len();
    let speed = |time: Duration| bytes as f64 / time.as_secs_f64() / 1e6;
    println!(
        "| {title} | {} | {:.0} | {:.0} | {:.0} | {:.0} |",
        bytes / COUNT as usize,
        speed(decoding),
        decoding.as_secs_f64() * 1e9 / f64::from(COUNT),
        speed(copying),
        speed(passing),
    );
}

/// The shortest of several runs: the one that was disturbed least.
fn fastest(mut run: impl FnMut()) -> Duration {
    let clock = SystemClock::default();
    let mut times = (0..ROUNDS).map(|_| {
        let start = clock.monotonic();
        run();
        clock.monotonic() - start
    });
    let first = times.next().unwrap_or_default();
    times.fold(first, Duration::min)
}
