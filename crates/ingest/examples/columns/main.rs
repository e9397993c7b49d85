//! From bytes to Arrow columns on one core, by format, width and share of bad records:
//!
//! `cargo run --release --workspace --example columns [ROUNDS [TITLE]]` prints Markdown tables:
//! medians over the rounds; a ratio is the median of the ratios of each round.
//!
//! Beside it stand, in the same rounds on the same bytes: arrow-json with the nested schema that
//! gives the same types, this project's scanner alone (every value passed and checked, nothing
//! kept), and the check that the bytes are UTF-8. `bytes → columns` is everything that happens to
//! a record between the Kafka thread and the batch: decoding, casting, tidying of texts, quality
//! counts, system columns and the bucket; the contract has no further rules. Records come in chunks
//! of the size that the Kafka thread makes. Formats in Avro are only
//! held against themselves here: beside arrow-avro they stand in `tests/avro`.

mod avro;
mod records;
mod rival;

use cpu_time::ThreadTime;
use huiliu_decode::scan::Cursor;
use huiliu_model::{Records, Texts};
use huiliu_normalise::{Normaliser, Protection};
use records::{Shape, contract};
use rival::Rival;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Four bad records at 0.1 %.
const COUNT: u32 = 4_000;
const WIDTHS: [usize; 3] = [10, 40, 60];
/// Good records between two bad ones: never, 0.1 %, 10 %.
const BAD_EVERY: [usize; 3] = [0, 1_000, 10];
/// 2020-04-07 08:32:00 in Shanghai.
const INGEST_US: i64 = 1_586_219_520_000_000;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(25);
    let only = std::env::args().nth(2);
    let mut clean = Vec::new();
    let mut bad = Vec::new();
    for shape in Shape::ALL {
        for width in WIDTHS {
            let title = format!("{}, {width}", shape.title());
            if only.as_ref().is_some_and(|only| !title.contains(only.as_str())) {
                continue;
            }
            let measured = Measured::new(shape, width, rounds);
            clean.extend(measured.rival.is_some().then(|| measured.clean_line(&title)));
            bad.push(measured.bad_line(&title));
        }
    }
    println!(
        "| format, columns | bytes | bytes → columns MB/s (best) | records/s | ns per cell \
         | decode alone MB/s | arrow-json MB/s (best) | of arrow-json | scanner MB/s \
         | UTF-8 MB/s | allocations per record | arrow-json's |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    clean.iter().for_each(|line| println!("{line}"));
    println!("\n| format, columns | clean records/s | share at 0.1 % bad | share at 10 % bad |");
    println!("|---|---:|---:|---:|");
    bad.iter().for_each(|line| println!("{line}"));
}

/// Times of one part, one per round.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    /// Time of this thread on a core: other work on the machine does not count.
    fn push(&mut self, chunks: &[Records], mut run: impl FnMut(&Records)) {
        let start = ThreadTime::now();
        chunks.iter().for_each(|records| run(black_box(records)));
        self.0.push(start.elapsed());
    }

    fn best(&self) -> f64 {
        self.0.iter().min().map_or(f64::NAN, Duration::as_secs_f64)
    }

    fn median(&self) -> f64 {
        median(self.0.iter().map(Duration::as_secs_f64).collect())
    }

    /// How many times as long as the other it took: the median over rounds, each of which has its
    /// own company on the machine.
    fn over(&self, other: &Self) -> f64 {
        let ratio = |(a, b): (&Duration, &Duration)| a.as_secs_f64() / b.as_secs_f64();
        median(self.0.iter().zip(&other.0).map(ratio).collect())
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

struct Measured {
    width: usize,
    bytes: f64,
    /// By share of bad records.
    columns: [Times; 3],
    decode: Times,
    /// Of the formats that arrow-json reads.
    rival: Option<Times>,
    scan: Times,
    utf8: Times,
    allocations: [f64; 2],
}

impl Measured {
    fn new(shape: Shape, width: usize, rounds: usize) -> Self {
        let contract = Arc::new(contract(shape, width));
        let decoder = shape.decoder(&contract);
        let plain = Arc::new(Protection::Plain);
        let normaliser = Normaliser::new(Arc::clone(&contract), plain).expect("valid");
        let batches = BAD_EVERY.map(|every| shape.chunks(&contract, COUNT, every));
        let mut rival = Rival::new(shape, &contract);
        let prepared = |records: &Records| {
            let texts = Texts::of(records, contract.format);
            normaliser.prepare_refusing(&texts, &decoder.decode_texts(&texts), INGEST_US, &[])
        };
        let mut measured = Self::check(&batches, width, prepared, rival.as_mut());
        let good = &batches[0];
        for _ in 0..rounds {
            if let (Some(times), Some(rival)) = (&mut measured.rival, &mut rival) {
                times.push(good, |records| drop(black_box(rival.read(records))));
            }
            for (chunks, times) in batches.iter().zip(&mut measured.columns) {
                times.push(chunks, |records| drop(black_box(prepared(records))));
            }
            measured.decode.push(good, |records| drop(black_box(decoder.decode(records))));
            measured.scan.push(good, scan);
            measured.utf8.push(good, utf8);
        }
        measured
    }

    /// Counts allocations, and makes sure that everyone does what is compared.
    fn check(
        batches: &[Vec<Records>; 3],
        width: usize,
        prepared: impl Fn(&Records) -> huiliu_normalise::Prepared,
        rival: Option<&mut Rival>,
    ) -> Self {
        for (chunks, every) in batches.iter().zip(BAD_EVERY) {
            let bad = if every == 0 { 0 } else { COUNT as usize / every };
            let (mut rejected, mut rows) = (0, 0);
            for made in chunks.iter().map(&prepared) {
                rejected += made.rejected.len();
                rows += made.rows.map_or(0, |rows| rows.num_rows());
            }
            assert_eq!((rejected, rows), (bad, COUNT as usize - bad));
        }
        let good = &batches[0];
        let counted = |run: &mut dyn FnMut(&Records)| {
            good.iter().for_each(&mut *run);
            let region = Region::new(ALLOCATOR);
            good.iter().for_each(&mut *run);
            let change = region.change();
            (change.allocations + change.reallocations) as f64 / f64::from(COUNT)
        };
        let ours = counted(&mut |records| drop(black_box(prepared(records))));
        let is_rivalled = rival.is_some();
        let theirs = rival.map_or(f64::NAN, |rival| {
            for records in good {
                let made = prepared(records).rows.expect("there are good records");
                let rows = rival.read(records);
                rival.assert_same(&rows, &made);
            }
            counted(&mut |records| drop(black_box(rival.read(records))))
        });
        Self {
            width,
            bytes: good.iter().map(|records| records.arena.len()).sum::<usize>() as f64,
            columns: Default::default(),
            decode: Times::default(),
            rival: is_rivalled.then(Times::default),
            scan: Times::default(),
            utf8: Times::default(),
            allocations: [ours, theirs],
        }
    }

    fn clean_line(&self, title: &str) -> String {
        let count = f64::from(COUNT);
        let speed = |seconds: f64| self.bytes / seconds / 1e6;
        let ours = &self.columns[0];
        let rival = self.rival.as_ref().expect("only formats with a rival have this line");
        let cell_ns = ours.median() * 1e9 / (count * self.width as f64);
        format!(
            "| {title} | {:.0} | {:.0} ({:.0}) | {:.0} | {cell_ns:.1} | {:.0} | {:.0} ({:.0}) \
             | {:.2} | {:.0} | {:.0} | {:.2} | {:.2} |",
            self.bytes / count,
            speed(ours.median()),
            speed(ours.best()),
            count / ours.median(),
            speed(self.decode.median()),
            speed(rival.median()),
            speed(rival.best()),
            rival.over(ours),
            speed(self.scan.median()),
            speed(self.utf8.median()),
            self.allocations[0],
            self.allocations[1],
        )
    }

    fn bad_line(&self, title: &str) -> String {
        let [clean, few, many] = &self.columns;
        format!(
            "| {title} | {:.0} | {:.2} | {:.2} |",
            f64::from(COUNT) / clean.median(),
            clean.over(few),
            clean.over(many)
        )
    }
}

fn scan(records: &Records) {
    for entry in &records.entries {
        let value = records.value(entry).unwrap_or_default();
        black_box(Cursor::new(value, 32).value().is_ok());
    }
}

fn utf8(records: &Records) {
    for entry in &records.entries {
        let value = records.value(entry).unwrap_or_default();
        black_box(simdutf8::basic::from_utf8(value).is_ok());
    }
}
