//! Every offset is accounted for exactly once, whatever a chunk holds.

mod made;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use huiliu_model::contract::{OnFail, Rule};
use huiliu_model::{Column, DataType, Op, Reason};
use huiliu_normalise::Protection;
use made::Given::{self, Null, Number, Text, Unavailable};
use made::{Chunk, column, contract, keys, normaliser, ruled};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Step {
    /// Usable key, level.
    Row(Op, bool, i32),
    ChangeOfKey(bool, bool),
    Garbage(Vec<u8>),
    Tombstone,
    Control,
    Gap(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let op = prop_oneof![Just(Op::Read), Just(Op::Create), Just(Op::Update), Just(Op::Delete)];
    prop_oneof![
        4 => (op, any::<bool>(), 0..20).prop_map(|(op, key, level)| Step::Row(op, key, level)),
        1 => any::<(bool, bool)>().prop_map(|(old, new)| Step::ChangeOfKey(old, new)),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Step::Garbage),
        1 => Just(Step::Tombstone),
        1 => Just(Step::Control),
        1 => (0_u8..5).prop_map(Step::Gap),
    ]
}

fn image(key: bool, level: &str) -> [Given<'_>; 2] {
    [if key { Text("K1") } else { Null }, Number(level)]
}

fn fill(steps: &[Step]) -> (Chunk, u64, u64) {
    let mut chunk = Chunk::new(2);
    let (mut accepted, mut rejected) = (0, 0);
    let mut count = |good: bool| if good { accepted += 1 } else { rejected += 1 };
    for step in steps {
        match step {
            Step::Row(op, key, level) => {
                chunk.row(*op, &image(*key, &level.to_string()));
                count(*key && (*level <= 9 || *op == Op::Delete));
            }
            Step::ChangeOfKey(old, new) => {
                let (old_image, new_image) = (image(*old, "1"), image(*new, "1"));
                chunk.rows(&[(Op::Delete, &old_image), (Op::Create, &new_image)]);
                count(*old && *new);
            }
            Step::Garbage(bytes) => {
                chunk.rejected(bytes, Reason::NotJson);
                count(false);
            }
            Step::Tombstone => chunk.tombstone(),
            Step::Control => chunk.control(),
            Step::Gap(_) => {}
        }
    }
    for step in steps {
        if let Step::Gap(offsets) = step {
            chunk.gap(i64::from(*offsets));
        }
    }
    (chunk, accepted, rejected)
}

fn offsets(batch: Option<&arrow::array::RecordBatch>) -> Vec<i64> {
    let column = batch.and_then(|batch| batch.column_by_name("sys_offset").cloned());
    column.map_or_else(Vec::new, |c| c.as_primitive::<Int64Type>().values().to_vec())
}

proptest! {
    #[test]
    fn random_chunks_balance(steps in prop::collection::vec(step(), 0..60)) {
        let level = Column {
            on_fail: OnFail::Reject,
            ..ruled("level", DataType::Integer, vec![Rule::AtMost(9.0)])
        };
        let contract = contract(vec![column("id", DataType::String), level], vec![0]);
        let normaliser = normaliser(contract, Protection::Keys(keys()));
        let (chunk, accepted, rejected) = fill(&steps);
        let prepared = chunk.prepare(&normaliser);

        prop_assert_eq!(prepared.tally.offsets(), chunk.records.covers.offset_count());
        prop_assert_eq!(prepared.tally.accepted, accepted);
        prop_assert_eq!(prepared.tally.rejected, rejected);

        let kept: BTreeSet<i64> = offsets(prepared.rows.as_ref()).into_iter().collect();
        let refused = offsets(prepared.rejects.as_ref());
        let distinct: BTreeSet<i64> = refused.iter().copied().collect();
        prop_assert_eq!(distinct.len(), refused.len(), "one quarantine row per record");
        prop_assert!(kept.is_disjoint(&distinct));
        prop_assert_eq!(kept.len() as u64, accepted);
        prop_assert_eq!(refused.len() as u64, rejected);
        let counted: u64 = prepared.reject_counts.iter().map(|(_, _, count)| count).sum();
        prop_assert_eq!(counted, rejected);
        for count in prepared.quality.cells() {
            prop_assert!(count.passed_raw <= count.passed && count.passed <= count.checked);
        }
    }

    #[test]
    fn no_cell_makes_a_chunk_panic(text in "\\PC{0,40}", number in "[-+0-9.eE]{0,30}") {
        for data_type in [
            DataType::String,
            DataType::Integer,
            DataType::Long,
            DataType::Double,
            DataType::Boolean,
            DataType::Date,
            DataType::Timestamp,
            DataType::Decimal { precision: 38, scale: 10 },
        ] {
            for format in [
                huiliu_model::contract::Format::HuiliuJson,
                huiliu_model::contract::Format::DebeziumJson,
            ] {
                let columns = vec![column("id", DataType::String), column("c", data_type)];
                let contract = huiliu_model::Contract { format, ..contract(columns, vec![0]) };
                let normaliser = normaliser(contract, Protection::Plain);
                let mut chunk = Chunk::new(2);
                for cell in [Text(&text), Number(&number), Text(&number), Unavailable] {
                    chunk.row(Op::Create, &[Text("k"), cell]);
                }
                prop_assert_eq!(chunk.prepare(&normaliser).tally.accepted, 4);
            }
        }
    }
}
