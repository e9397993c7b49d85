//! The same records under two contracts, against differences found by hand.

use huiliu_decode::Limits;
use huiliu_ingest::Pipeline;
use huiliu_ingest::what_if::{Rebuilder, WhatIf};
use huiliu_model::contract::{OnFail, Rule};
use huiliu_model::{Contract, Reason, Record, Records};
use huiliu_normalise::{Crypto, Keys, Protection};
use huiliu_testkit::account_contract;
use std::sync::Arc;

/// Accounts whose status is one of these; another status rejects the row.
fn contract(statuses: &[&str]) -> Contract {
    let mut contract = account_contract();
    let (at, _) = contract.column("status").expect("accounts have a status");
    contract.columns[at].rules =
        vec![Rule::OneOf(statuses.iter().map(|status| (*status).to_owned()).collect())];
    contract.columns[at].on_fail = OnFail::Reject;
    contract
}

fn pipeline(contract: Contract, protection: Protection) -> Pipeline {
    Pipeline::new(Arc::new(contract), Limits::default(), Arc::new(protection)).expect("valid")
}

/// Records at offsets from 0: `(key, status)`.
fn records(contract: &Contract, rows: &[(&str, &str)]) -> Records {
    let mut records =
        Records::new(Arc::clone(&contract.dataset), contract.kafka_topics.text().into());
    for (offset, (key, status)) in (0..).zip(rows) {
        let text = format!(
            r#"{{"v":1,"ds":"{}","op":"c","seq":{offset},"src":{{"dept":"D"}},
                "after":{{"account_no":"{key}","status":"{status}"}}}}"#,
            contract.dataset
        );
        let value = Some(records.store(text.as_bytes()));
        let entry = Record { partition: 3, offset, timestamp_ms: 86_400_000, key: None, value };
        records.entries.push(entry);
    }
    records
}

#[test]
fn records_are_gained_lost_and_changed() {
    let (old, new) = (contract(&["1", "2"]), contract(&["1", "3"]));
    let mut new = new;
    // The key loses its zeros under a pattern of another writing; here: status tidied alike.
    new.columns[0].rules = vec![Rule::Length { min: 1, max: 2 }];
    let rows = [("A1", "1"), ("A2", "2"), ("A3", "3"), ("A44", "1"), ("A5", "4"), (" A6", "1")];
    let records = records(&old, &rows);
    let plain = |contract: &Contract| pipeline(contract.clone(), Protection::Plain);
    let mut what_if = WhatIf::new(plain(&old), plain(&new));
    what_if.add(&records, 86_400_000_000);
    let found = what_if.found;
    assert_eq!((found.records, found.gained, found.lost, found.changed), (6, 1, 2, 0));
    assert_eq!(found.examples, [vec![(3, 2)], vec![(3, 1), (3, 3)], vec![]]);
    assert_eq!(found.old.tally.accepted, 4);
    assert_eq!(found.new.tally.accepted, 3);
    let status = (Reason::CodeUnknown, Some("status".to_owned()));
    let key = (Reason::Length, Some("account_no".to_owned()));
    assert_eq!(found.lost_why, [(status, 1), (key, 1)].into());
}

#[test]
fn a_value_that_the_new_contract_clears_is_a_change() {
    let old = contract(&["1", "2"]);
    let mut new = contract(&["1"]);
    let (at, _) = new.column("status").expect("a status");
    new.columns[at].on_fail = OnFail::Null;
    let records = records(&old, &[("A1", "1"), ("A2", "2"), ("A3", "2")]);
    let mut what_if =
        WhatIf::new(pipeline(old, Protection::Plain), pipeline(new, Protection::Plain));
    what_if.add(&records, 86_400_000_000);
    assert_eq!((what_if.found.changed, what_if.found.lost), (2, 0));
    assert_eq!(what_if.found.changed_cells, [("status".to_owned(), 2)].into());
}

#[test]
fn records_are_rebuilt_as_they_were_delivered() {
    let keys = Keys { id: "k".into(), token: [1; 32], encrypt: [2; 16], older: Vec::new() };
    for protection in [Protection::Plain, Protection::Keys(keys.clone())] {
        let contract = contract(&["1", "2"]);
        // Spaces are tidied, so the delivered text differs from the stored one.
        let given = records(&contract, &[("A1", "1"), ("A2 ", " 2")]);
        let prepared = pipeline(contract.clone(), protection).prepare(&given, 86_400_000_000);
        let rows = prepared.rows.expect("both are accepted");
        let crypto = Crypto::new(&keys);
        let mut rebuilder = Rebuilder::new(&contract, Some(&crypto));
        let rebuilt = rebuilder.records(&rows).expect("rows of changes");
        assert!(rebuilder.unread.is_empty());
        let image = |at: usize| {
            let value = rebuilt.value(&rebuilt.entries[at]).expect("a value");
            let value: serde_json::Value = serde_json::from_slice(value).expect("JSON");
            (value["after"].clone(), value["seq"].clone(), value["src"]["dept"].clone())
        };
        let (after, seq, department) = image(1);
        assert_eq!(after["account_no"], "A2 ");
        assert_eq!(after["status"], " 2");
        assert_eq!((seq, department), (1.into(), "D".into()));
        assert_eq!((rebuilt.entries[1].partition, rebuilt.entries[1].offset), (3, 1));
        assert_eq!(image(0).0["status"], "1");
    }
}
