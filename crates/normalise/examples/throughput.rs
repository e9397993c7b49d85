//! Cost of a cell by column type: `cargo run --release -p huiliu-normalise --example throughput`.
//!
//! Prepares a chunk of a key and one column, again and again, and subtracts what the same chunk
//! costs with the key alone. Clean values, one thread; the best of several rounds.

#[path = "../tests/made/mod.rs"]
mod made;

use huiliu_model::contract::{Format, MaskKind, NamedRule, Rule};
use huiliu_model::{Clock, Column, DataType, Op, Protect, clock::SystemClock};
use huiliu_normalise::{Normaliser, Protection};
use made::Given::{self, Number, Text, True};
use made::{Chunk, column, contract, keys, normaliser, ruled};

/// A round is shorter than a slice of the scheduler, so the best one had a core to itself.
const ROWS: usize = 2_000;
const ROUNDS: usize = 150;

/// What the rows have beside the key.
enum Cells {
    None,
    Same(Given<'static>),
    /// Another resident id in every row.
    Each,
    /// Another resident id in every twelfth row, as bills have them.
    Twelfth,
}

fn chunk(keys: &[String], cells: &Cells) -> Chunk {
    let mut chunk = Chunk::new(if matches!(cells, Cells::None) { 1 } else { 2 });
    for (at, key) in keys.iter().enumerate() {
        let id = match cells {
            Cells::Twelfth => format!("500103{:012}", at / 12),
            _ => format!("500103{at:012}"),
        };
        match cells {
            Cells::None => chunk.row(Op::Create, &[Text(key)]),
            Cells::Same(cell) => chunk.row(Op::Create, &[Text(key), *cell]),
            Cells::Each | Cells::Twelfth => chunk.row(Op::Create, &[Text(key), Text(&id)]),
        }
    }
    chunk
}

/// Nanoseconds per row, the best of all rounds.
fn measure(clock: &dyn Clock, normaliser: &Normaliser, chunk: &Chunk) -> f64 {
    let round = |_| {
        let start = clock.monotonic();
        let prepared = std::hint::black_box(chunk.prepare(normaliser));
        assert_eq!(prepared.tally.accepted, ROWS as u64);
        (clock.monotonic() - start).as_nanos() as f64 / ROWS as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn main() {
    let clock = SystemClock::default();
    let row_keys: Vec<String> = (0..ROWS).map(|n| format!("K{n:08}")).collect();
    let key = column("id", DataType::String);
    let alone = normaliser(contract(vec![key.clone()], vec![0]), Protection::Keys(keys()));
    let base = measure(&clock, &alone, &chunk(&row_keys, &Cells::None));
    println!("{:<34}{base:>9.0} ns per row", "key, system columns, bucket");
    for (name, format, subject, cell) in cases() {
        let contract = contract(vec![key.clone(), subject], vec![0]);
        let contract = huiliu_model::Contract { format, ..contract };
        let normaliser = normaliser(contract, Protection::Keys(keys()));
        let cost = measure(&clock, &normaliser, &chunk(&row_keys, &cell)) - base;
        println!("{name:<34}{cost:>9.0} ns per cell");
    }
}

type Case = (&'static str, Format, Column, Cells);

fn cases() -> Vec<Case> {
    let each = |name, subject, cells| (name, Format::HuiliuJson, subject, cells);
    let json = |name, subject, cell| each(name, subject, Cells::Same(cell));
    let named = |rule| ruled("c", DataType::String, vec![Rule::Named(rule)]);
    let under = |protect| Column { protect, ..column("c", DataType::String) };
    let decimal = DataType::Decimal { precision: 14, scale: 2 };
    let token = Protect::Token { kind: "person".into(), keep_uscc: true };
    let sex = vec![Rule::CodeList("sex".into())];
    let id = "11010519491231002X";
    vec![
        json("string, ASCII", column("c", DataType::String), Text("A-2020-000123")),
        json("string, Chinese", column("c", DataType::String), Text("渝中区人民路232号")),
        json("string, resident id", named(NamedRule::ResidentId), Text(id)),
        json("string, uscc", named(NamedRule::Uscc), Text("91500103MBXFL1AN30")),
        json("string, person name", named(NamedRule::PersonName), Text("王大锤")),
        json("string, code list", ruled("c", DataType::String, sex), Text("1")),
        json("integer", column("c", DataType::Integer), Number("7350")),
        json("long", column("c", DataType::Long), Number("123456789012")),
        json("double", column("c", DataType::Double), Number("106.551234")),
        json("decimal", column("c", decimal), Number("1234.50")),
        json("boolean", column("c", DataType::Boolean), True),
        json("date", column("c", DataType::Date), Text("2019-12-26")),
        json("date, to be fixed", column("c", DataType::Date), Text("2019年12月26日")),
        json(
            "timestamp",
            column("c", DataType::Timestamp),
            Text("2020-04-07T08:30:00.123456+08:00"),
        ),
        (
            "decimal, Debezium base64",
            Format::DebeziumJson,
            column("c", decimal),
            Cells::Same(Text("AYag")),
        ),
        json("mask", under(Protect::Mask(MaskKind::Name)), Text("王大锤")),
        json("encrypt, 24 bytes", under(Protect::Encrypt), Text("渝中区人民路232号")),
        each("token and encrypt, all distinct", under(token.clone()), Cells::Each),
        each("token and encrypt, twelve of each", under(token), Cells::Twelfth),
    ]
}
