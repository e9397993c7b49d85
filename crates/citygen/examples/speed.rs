//! Prints what a city costs: `cargo run --release -p huiliu-citygen --example speed`.

use huiliu_citygen::{Plan, city};

fn main() {
    let records = 1_000_000;
    let plan = Plan { defects: Some(1.0), ..Plan::new(1, records) };
    let (mut count, mut bytes) = (0_u64, 0_usize);
    for event in city(plan) {
        count += 1;
        bytes += event.key.len() + event.value.map_or(0, |value| value.len());
    }
    println!("{count} records, {bytes} bytes");
}
