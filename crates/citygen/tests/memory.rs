//! A city is streamed: a run five times as long needs little more memory.
//!
//! Alone in its process, because it asks the kernel for the process's high-water mark.

use huiliu_citygen::{Plan, city};
use std::fs;

/// Most bytes this process ever held, or `None` where the kernel does not say.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

#[test]
fn an_entity_costs_a_few_bytes() {
    let run = |records: u64| {
        let plan = Plan { defects: Some(1.0), ..Plan::new(1, records) };
        assert_eq!(city(plan).count() as u64, records);
        peak_bytes()
    };
    let (Some(short), Some(long)) = (run(100_000), run(500_000)) else { return };
    // 500,000 records are about 250 MB of text and 15,000 entities.
    assert!(short < 48 << 20, "{short} bytes for a short run");
    assert!(long - short < 8 << 20, "{} bytes more for a long run", long - short);
}
