//! Who reads a dataset or table: tables by their inputs, columns by lineage.

use crate::installation::Installation;
use huiliu_spec::TableSpec;
use huiliu_subject::lineage;

pub struct Readers<'a> {
    installation: &'a Installation,
}

impl<'a> Readers<'a> {
    pub fn new(installation: &'a Installation) -> Self {
        Self { installation }
    }

    fn direct(&self, name: &str) -> impl Iterator<Item = &'a TableSpec> {
        let name = name.to_owned();
        let reads = move |spec: &&TableSpec| spec.inputs.iter().any(|input| input.name == name);
        self.installation.project.built_tables().filter(reads)
    }

    /// Tables that read it, and those that read these, in build order.
    pub fn of(&self, name: &str) -> Vec<String> {
        let mut reached = vec![name.to_owned()];
        // Inputs stand before what is built from them.
        for spec in self.installation.project.built_tables() {
            if spec.inputs.iter().any(|input| reached.contains(&input.name)) {
                reached.push(spec.full_name());
            }
        }
        reached.split_off(1)
    }

    /// Columns into which the values of some columns go, as `subject.table.column`; a table whose
    /// query no longer plans, as `subject.table`.
    pub async fn columns(&self, name: &str, columns: &[&str]) -> Vec<String> {
        let project = &self.installation.project;
        let mut found = Vec::new();
        for spec in self.direct(name) {
            let catalogue = &self.installation.catalogue;
            let traced = lineage(spec, &project.contracts, &project.tables, catalogue).await;
            let Ok(traced) = traced else {
                found.push(format!("{} (its query no longer plans)", spec.full_name()));
                continue;
            };
            for column in traced.columns {
                let is_one = |column: &str| columns.contains(&column);
                let mut sources = column.sources.iter();
                if sources.any(|(source, _)| source.input == name && is_one(&source.column)) {
                    found.push(format!("{}.{}", spec.full_name(), column.column));
                }
            }
        }
        found
    }
}
