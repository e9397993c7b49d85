#![no_main]

use huiliu_fuzz::Bench;
use huiliu_model::contract::Format;
use std::sync::LazyLock;

static PLAIN: LazyLock<Bench> = LazyLock::new(|| Bench::new(Format::ConfluentAvro));
static DEBEZIUM: LazyLock<Bench> = LazyLock::new(|| Bench::new(Format::DebeziumAvro));

// A schema, a zero byte, a value.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (schema, rest) = data.split_at(end);
    let (Ok(schema), value) = (std::str::from_utf8(schema), rest.get(1..).unwrap_or_default())
    else {
        return;
    };
    PLAIN.check_schema(schema, value);
    DEBEZIUM.check_schema(schema, value);
});
