//! `docs/datasets.md` is the list of the contracts.
//!
//! After a change of a contract,
//! `HUILIU_WRITE_DATASETS=1 cargo test -p huiliu-spec --test pipelines listing` rewrites the
//! file; review the difference like code.

use super::{project, root};
use huiliu_model::Contract;
use huiliu_model::contract::{Group, Mode};
use std::fmt::Write as _;

const HEAD: &str = "\
# Datasets

One line per contract in `pipelines/`: what arrives, from whom, and under which key. Grade is the
highest of the columns, columns is their number. A test keeps this list equal to the contracts.

";

const GROUPS: [(Group, &str); 3] = [
    (Group::Base, "The base databases (`base`)"),
    (Group::Feed, "Utilities, telecoms, transport and public trading (`feed`)"),
    (Group::Pool, "Data pools of the departments (`pool`)"),
];

fn line(contract: &Contract) -> String {
    let mode = match contract.mode {
        Mode::Cdc => "cdc",
        Mode::Append => "append",
    };
    let grade = contract.columns.iter().map(|column| column.grade).max();
    let group = format!("{:?}", contract.group).to_lowercase();
    let dataset = &contract.dataset;
    let cells = [
        format!("[{dataset}](../pipelines/{group}/{dataset}.yaml)"),
        contract.title.clone(),
        contract.provider.clone(),
        group,
        contract.kafka_topics.to_string(),
        contract.key_names().join(", "),
        mode.to_owned(),
        contract.cycle.clone().unwrap_or_default(),
        grade.map_or(String::new(), |grade| format!("{grade:?}")),
        contract.columns.len().to_string(),
    ];
    format!("| {} |", cells.join(" | "))
}

fn list() -> String {
    let mut text = HEAD.to_owned();
    for (group, title) in GROUPS {
        let contracts: Vec<_> =
            project().contracts.iter().filter(|contract| contract.group == group).collect();
        writeln!(text, "## {title}: {} datasets\n", contracts.len()).expect("text takes text");
        let heads = "dataset title provider group kafka_topic key mode cycle grade columns";
        let heads: Vec<_> = heads.split(' ').collect();
        writeln!(text, "| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len()))
            .expect("text takes text");
        for contract in contracts {
            writeln!(text, "{}", line(contract)).expect("text takes text");
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

#[test]
fn the_list_of_datasets_is_that_of_the_contracts() {
    let path = root().join("docs/datasets.md");
    let expected = list();
    if std::env::var_os("HUILIU_WRITE_DATASETS").is_some() {
        std::fs::write(&path, &expected).expect("the list is writable");
    }
    let committed = std::fs::read_to_string(&path).expect("the list is committed");
    assert!(committed == expected, "docs/datasets.md differs; see the head of this test");
}
