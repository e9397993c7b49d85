//! Tables that are what they should be, and one that is not.

use super::*;
use crate::catalogue::Catalogue;
use crate::memory::{MemoryInputs, MemoryTarget};
use crate::port::{Scope, Target};
use crate::refresh::{Request, refresh};
use crate::rows::from_csv;
use crate::testing::{by, contract_of, spec_of};
use huiliu_model::{Contract, DataType, Protect};

fn firm() -> (TableSpec, Vec<Arc<Contract>>, RecordBatch) {
    let columns =
        [("uscc", DataType::String, Protect::Keep), ("size", DataType::Integer, Protect::Keep)];
    let contract = contract_of("firm", &columns);
    let csv = "uscc,size\n91A,1\n91B,2\n91C,3\n91D,4\n";
    let rows = from_csv(csv, &contract.stored_fields(false), "firm").expect("rows fit");
    let query = "SELECT uscc, size FROM firm WHERE size > 1";
    let mut spec = spec_of(&[("uscc", "string"), ("size", "int32")], query);
    spec.inputs = vec![by("firm", "uscc")];
    (spec, vec![Arc::new(contract)], rows)
}

/// Builds, lets a hand change a bucket behind the refresh's back, and verifies.
async fn verified(sample: Option<usize>, planted: &str) -> Verified {
    let (spec, contracts, rows) = firm();
    let catalogue = Catalogue::default();
    let declared = Declarations { contracts: &contracts, tables: &[], catalogue: &catalogue };
    let (mut inputs, target) = (MemoryInputs::default(), MemoryTarget::default());
    inputs.insert("firm", vec![rows]);
    let ports = Ports { inputs: &inputs, target: &target };
    refresh(&spec, declared, ports, &Request::default()).await.expect("builds");
    let held = target.committed("s.t").expect("it was built");
    if !planted.is_empty() {
        let fields = schema::declared(&spec);
        let fields: Vec<_> = fields.fields().iter().map(|f| f.as_ref().clone()).collect();
        let planted = from_csv(planted, &fields, "planted").expect("rows fit");
        let planted = schema::conform("s.t", &schema::declared(&spec), &planted).expect("no null");
        let mut staging = target.begin(&shape(&spec)).await.expect("begins");
        staging.add(vec![planted]).await.expect("in memory");
        staging.commit(Scope::Whole, held.record).await.expect("in memory");
    }
    let held = target.committed("s.t").expect("it was built");
    inputs.insert("s.t", held.rows);
    let ports = Ports { inputs: &inputs, target: &target };
    verify(&spec, declared, ports, sample, &Budget::default()).await.expect("it runs")
}

#[tokio::test]
async fn a_table_as_it_was_built_is_equal() {
    let all = verified(None, "").await;
    assert_eq!(all, Verified { row_count: 3, ..Verified::default() });
    let some = verified(Some(2), "").await;
    assert!(some.is_equal() && some.identities.is_some_and(|n| (1..=2).contains(&n)), "{some:?}");
}

#[tokio::test]
async fn a_planted_difference_is_found_and_named() {
    // 91B says 7 in place of 2, 91C is gone, 91A should not be there.
    let found = verified(None, "uscc,size\n91A,1\n91B,7\n91D,4\n").await;
    assert_eq!((found.missing, found.unexpected), (2, 2));
    assert_eq!(found.named, ["uscc=91B", "uscc=91C", "uscc=91A"]);
    let found = verified(Some(100), "uscc,size\n91A,1\n91B,7\n91D,4\n").await;
    assert_eq!((found.missing, found.unexpected), (2, 2), "a sample of everything");
}
