#![no_main]

use huiliu_fuzz::Bench;
use huiliu_model::contract::Format;
use std::sync::LazyLock;

static BENCH: LazyLock<Bench> = LazyLock::new(|| Bench::new(Format::ConfluentAvro));

libfuzzer_sys::fuzz_target!(|data: &[u8]| BENCH.check(data));
