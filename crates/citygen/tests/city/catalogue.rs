//! The catalogue of datasets, as files beside the tests.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

/// One field of the catalogue.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// Arrow type without its parameters.
    pub kind: &'static str,
    pub is_key: bool,
    pub is_nullable: bool,
    pub rule: &'static str,
}

pub struct Dataset {
    pub kafka_topic: &'static str,
    pub mode: &'static str,
    pub key: Vec<&'static str>,
    pub fields: Vec<Field>,
}

impl Dataset {
    pub fn is_append(&self) -> bool {
        self.mode == "append"
    }
}

/// Lines of a table behind its header, as cells.
fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect())
}

/// The datasets by name.
pub static DATASETS: LazyLock<BTreeMap<&'static str, Dataset>> = LazyLock::new(|| {
    let mut datasets: BTreeMap<&str, Dataset> = lines(include_str!("../data/datasets.tsv"))
        .map(|cells| {
            let key = cells[3].split('|').collect();
            (cells[0], Dataset { kafka_topic: cells[1], mode: cells[2], key, fields: Vec::new() })
        })
        .collect();
    for cells in lines(include_str!("../data/fields.tsv")) {
        let dataset = datasets.get_mut(cells[0]).expect("a dataset of the catalogue");
        dataset.fields.push(Field {
            name: cells[1],
            kind: cells[2],
            is_key: cells[3] == "1",
            is_nullable: cells[4] == "1",
            rule: cells[5],
        });
    }
    datasets
});

/// Codes by list.
pub static CODES: LazyLock<HashMap<&'static str, HashSet<&'static str>>> = LazyLock::new(|| {
    let mut lists: HashMap<&str, HashSet<&str>> = HashMap::new();
    for cells in lines(include_str!("../data/codes.tsv")) {
        lists.entry(cells[0]).or_default().insert(cells[1]);
    }
    lists
});

/// Members of a field that has no code list, by dataset and field.
pub static MEMBERS: LazyLock<HashMap<(&'static str, &'static str), HashSet<&'static str>>> =
    LazyLock::new(|| {
        lines(include_str!("../data/members.tsv"))
            .map(|cells| ((cells[0], cells[1]), cells[2].split('|').collect()))
            .collect()
    });

/// Dataset, field of a later and of an earlier time.
pub static PAIRS: LazyLock<Vec<(&'static str, &'static str, &'static str)>> = LazyLock::new(|| {
    let cells = lines(include_str!("../data/pairs.tsv"));
    cells.map(|cells| (cells[0], cells[1], cells[2])).collect()
});

/// Default injection rates by defect.
pub static RATES: LazyLock<BTreeMap<&'static str, f64>> = LazyLock::new(|| {
    let cells = lines(include_str!("../data/rates.tsv"));
    cells.map(|cells| (cells[0], cells[1].parse().expect("a rate"))).collect()
});

/// County codes with the years they were in force.
pub static PERIODS: LazyLock<Vec<(&'static str, i32, i32)>> = LazyLock::new(|| {
    let year = |cell: &str| cell.parse().expect("a year");
    let cells = lines(include_str!("../data/divisions.tsv"));
    cells.map(|cells| (cells[0], year(cells[1]), year(cells[2]))).collect()
});

/// Streets and some villages, twelve digits.
pub static VILLAGES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("../data/villages.tsv").lines().skip(1).collect());

pub fn key_of(dataset: &str, image: &Value) -> String {
    let text = |part: &&str| match &image[*part] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    DATASETS[dataset].key.iter().map(text).collect::<Vec<_>>().join("|")
}
