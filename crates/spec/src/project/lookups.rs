//! Columns by which rows of datasets are looked up, as the tables built on them say.

use crate::project::Project;
use crate::table::{Input, InputKind, Reach};
use std::collections::{BTreeMap, BTreeSet};

impl Project {
    /// By dataset, the columns besides the first of its key by which a table finds its rows: the
    /// first column of `by`, and what a `via` query names of the dataset. A column too many costs
    /// an index that nobody asks, one too few a slow look-up; neither costs a row.
    pub fn lookups(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let inputs = self.tables.iter().flat_map(|table| {
            table.inputs.iter().map(move |input| (input, table.identity.as_slice()))
        });
        for (input, identity) in inputs.filter(|(input, _)| input.kind == InputKind::Dataset) {
            let Some(contract) = self.contract(&input.name) else { continue };
            let first = contract.key.first().map(|at| contract.columns[*at].name.as_str());
            let asked = asked(input, identity).into_iter();
            let asked = asked.filter(|name| contract.column(name).is_some() && first != Some(name));
            found.entry(input.name.clone()).or_default().extend(asked.map(str::to_owned));
        }
        found.retain(|_, columns| !columns.is_empty());
        found
    }
}

/// Names that may be columns by which the rows of an input are looked up.
fn asked<'a>(input: &'a Input, identity: &[String]) -> Vec<&'a str> {
    match &input.reach {
        Reach::By(columns) => columns.first().map(String::as_str).into_iter().collect(),
        Reach::Via { sql } => {
            let words = sql.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.filter(|word| identity.iter().all(|name| name != word)).collect()
        }
        Reach::All => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn columns_by_which_tables_find_rows_are_those_of_by_and_via_but_not_the_key() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let settings = Settings {
            pipelines: root.join("pipelines"),
            sql: root.join("sql"),
            ..Settings::default()
        };
        let found = Project::load(&settings).expect("the project is valid").lookups();
        let of = |name: &str| -> Vec<&str> {
            found.get(name).into_iter().flatten().map(String::as_str).collect()
        };
        assert_eq!(of("lic_licence"), ["holder_code"], "its key is licence_id");
        assert_eq!(of("water_account"), ["holder_code"], "its key is account_no");
        assert!(of("water_bill").is_empty(), "account_no begins its key");
        assert!(of("pool_medical_bill").contains(&"citizen_id"), "through members of a household");
    }
}
