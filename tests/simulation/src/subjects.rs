//! Two subject tables over the datasets of a history: one by key, and one that counts the first.

use huiliu_lake::Lake;
use huiliu_model::contract::Freshness;
use huiliu_model::{Contract, Error, Grade};
use huiliu_spec::TableSpec;
use huiliu_spec::table::{Input, InputKind, Reach, TableColumn};
use huiliu_subject::lake::{LakeInputs, LakeTarget, Seen, refresh};
use huiliu_subject::{Budget, Catalogue, Declarations, Request};
use std::path::PathBuf;
use std::sync::Arc;

/// Subject of both tables.
pub const SUBJECT: &str = "city";
/// One row per account, with the status of its meter.
pub const PAIR: &str = "pair";
/// One row per status: how many accounts have it, and how many of them a meter.
pub const TALLY: &str = "tally";

const PAIR_SQL: &str = "SELECT a.account_no, a.status AS account_status, m.status AS meter_status \
                        FROM account a LEFT JOIN meter m ON m.account_no = a.account_no";
const TALLY_SQL: &str = "SELECT account_status AS status, count(*) AS accounts, \
                         count(meter_status) AS metered FROM city.pair GROUP BY account_status";

/// What is declared, and the statements that were parsed.
#[derive(Debug)]
pub struct Subjects {
    contracts: Vec<Arc<Contract>>,
    tables: Vec<TableSpec>,
    catalogue: Catalogue,
}

fn by(name: &str, kind: InputKind, column: &str) -> Input {
    Input { name: name.to_owned(), kind, reach: Reach::By(vec![column.to_owned()]) }
}

/// A table whose first column is its key and its identity.
fn table(name: &str, columns: &[(&str, &str)], inputs: Vec<Input>, query: &str) -> TableSpec {
    let column = |(name, data_type): &(&str, &str)| TableColumn {
        name: (*name).to_owned(),
        data_type: (*data_type).to_owned(),
        title: (*name).to_owned(),
        title_en: (*name).to_owned(),
        unit: None,
        grade: Grade::L1,
    };
    TableSpec {
        subject: SUBJECT.to_owned(),
        table: name.to_owned(),
        title: name.to_owned(),
        title_en: name.to_owned(),
        grain: format!("one row per {}", columns[0].0),
        key: vec![columns[0].0.to_owned()],
        identity: vec![columns[0].0.to_owned()],
        buckets: 2,
        inputs,
        parameters: Vec::new(),
        freshness: Freshness::default(),
        columns: columns.iter().map(column).collect(),
        declassify: Vec::new(),
        query: query.to_owned(),
        checks: Vec::new(),
        dir: PathBuf::from(SUBJECT).join(name),
    }
}

impl Subjects {
    pub fn new(contracts: Vec<Arc<Contract>>) -> Self {
        let texts =
            [("account_no", "string"), ("account_status", "string"), ("meter_status", "string")];
        let inputs = ["account", "meter"].map(|name| by(name, InputKind::Dataset, "account_no"));
        let pair = table(PAIR, &texts, inputs.to_vec(), PAIR_SQL);
        let counts = [("status", "string"), ("accounts", "int64"), ("metered", "int64")];
        let inputs = vec![by(&pair.full_name(), InputKind::Table, "account_status")];
        let tally = table(TALLY, &counts, inputs, TALLY_SQL);
        let catalogue = Catalogue::new(Vec::new(), Vec::new());
        Self { contracts, tables: vec![pair, tally], catalogue }
    }

    /// Brings both tables up to the newest versions of their inputs.
    ///
    /// # Errors
    /// As the store answers; `Superseded` where another process was quicker.
    pub async fn refresh(&self, lake: &Lake, seen: &Seen) -> Result<(), Error> {
        let names: Vec<&str> = self.contracts.iter().map(|contract| &*contract.dataset).collect();
        let inputs = LakeInputs::pin(lake, &names, seen).await?;
        let budget = Budget { partitions: 1, buckets_per_pass: u32::MAX, ..Budget::default() };
        let request = Request { budget, ..Request::default() };
        let declared = Declarations {
            contracts: &self.contracts,
            tables: &self.tables,
            catalogue: &self.catalogue,
        };
        let target = LakeTarget { lake: lake.clone() };
        for table in &self.tables {
            refresh(table, declared, (&inputs, &target), &request).await?;
        }
        Ok(())
    }
}
