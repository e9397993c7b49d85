//! Subject tables on a lake: the order of a refresh, and what is told of it.
//!
//! `subject` knows inputs and targets as ports and the lake knows neither; they meet in
//! [`inputs`] and [`target`]. Tables are refreshed after the tables they read.

pub mod follow;
pub mod order;
pub mod sets;
pub mod times;

use crate::failure::Failure;
use crate::installation::{Installation, clock};
use huiliu_lake::Lake;
use huiliu_model::usage::Usage;
use huiliu_model::{Clock, Error};
use huiliu_spec::TableSpec;
use huiliu_spec::table::{InputKind, Severity};
use huiliu_subject::lake::{LakeInputs, LakeTarget, Seen};
use huiliu_subject::{Budget, Declarations, Mode, Refreshed, Request};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use times::Times;

/// What refreshes have in common.
pub struct Refresher<'a> {
    pub installation: &'a Installation,
    pub lake: &'a Lake,
    pub parameters: BTreeMap<String, String>,
    pub mode: Mode,
    /// Only decide.
    pub explain: bool,
    /// Partitions of each plan.
    pub partitions: usize,
    /// Memory of all refreshes.
    pub memory_bytes: usize,
    /// Refreshes that share the memory.
    pub at_once: usize,
    pub times: Times,
    clock: Arc<dyn Clock>,
    pub seen: Seen,
    pub newest: sets::Newest,
    /// Where it is counted what refreshes hold and spill.
    pub usage: Arc<Usage>,
}

impl<'a> Refresher<'a> {
    /// Refreshes that count from a date.
    pub fn new(installation: &'a Installation, lake: &'a Lake, as_of: chrono::NaiveDate) -> Self {
        Self {
            installation,
            lake,
            parameters: [("as_of".to_owned(), as_of.to_string())].into(),
            mode: Mode::default(),
            explain: false,
            partitions: Budget::default().partitions,
            memory_bytes: installation.memory().alone_bytes(),
            at_once: 1,
            times: Times::default(),
            clock: clock(),
            seen: Seen::default(),
            newest: sets::Newest::default(),
            usage: Arc::default(),
        }
    }

    /// Pins the datasets that these tables are built on.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn pin(&self, tables: &[&TableSpec]) -> Result<LakeInputs, Error> {
        let names: BTreeSet<&str> = tables
            .iter()
            .flat_map(|table| &table.inputs)
            .filter(|input| input.kind == InputKind::Dataset)
            .map(|input| input.name.as_str())
            .collect();
        LakeInputs::pin(self.lake, &names.into_iter().collect::<Vec<_>>(), &self.seen).await
    }

    /// Refreshes tables at one vector of versions, inputs before what is built on them.
    ///
    /// # Errors
    /// The first table that cannot be refreshed; those before it are committed.
    pub async fn refresh(
        &self,
        tables: &[&TableSpec],
        mut told: impl FnMut(&TableSpec, &Refreshed),
    ) -> Result<(), Failure> {
        let inputs = self.pin(tables).await?;
        let small = inputs.are_small();
        for table in tables {
            let done = self.one(table, &inputs, small).await?;
            told(table, &done);
        }
        if !self.explain {
            self.note_sets(tables, &inputs).await?;
        }
        Ok(())
    }

    /// Notes which versions belong together, for every subject among these tables.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn note_sets(&self, tables: &[&TableSpec], inputs: &LakeInputs) -> Result<(), Error> {
        let subjects: BTreeSet<&str> = tables.iter().map(|table| table.subject.as_str()).collect();
        for subject in subjects {
            sets::note(self.installation, self.lake, inputs, subject, &self.newest).await?;
        }
        Ok(())
    }

    pub fn target(&self) -> LakeTarget {
        LakeTarget { lake: self.lake.clone() }
    }

    /// What a build may use; a small one is done in one pass.
    pub fn budget(&self, inputs: &LakeInputs, small: bool) -> Budget {
        let memory_bytes = self.memory_bytes / self.at_once;
        Budget {
            memory_bytes,
            batch_rows: inputs.batch_rows(memory_bytes),
            buckets_per_pass: if small { u32::MAX } else { 1 },
            partitions: self.partitions,
            usage: Arc::clone(&self.usage),
            room: self.lake.room().clone(),
            ..Budget::default()
        }
    }

    /// Refreshes one table; in one pass, where it is built in full and that is small.
    ///
    /// # Errors
    /// As [`huiliu_subject::refresh`].
    pub async fn one(
        &self,
        table: &TableSpec,
        inputs: &LakeInputs,
        small: bool,
    ) -> Result<Refreshed, Error> {
        let declared = |name: &str| table.parameters.iter().any(|p| p.name == name);
        let given = self.parameters.iter().filter(|(name, _)| declared(name));
        let request = Request {
            parameters: given.map(|(name, value)| (name.clone(), value.clone())).collect(),
            mode: self.mode,
            budget: self.budget(inputs, small),
            rates: self.times.rates(&table.full_name()),
            explain: self.explain,
        };
        let (declared, target) = (declarations(self.installation), self.target());
        let begun = self.clock.monotonic();
        let done =
            huiliu_subject::lake::refresh(table, declared, (inputs, &target), &request).await?;
        if done.built.is_some() {
            let took = self.clock.monotonic().saturating_sub(begun);
            self.times.note(&table.full_name(), &done.decision, took);
        }
        Ok(done)
    }
}

/// What an installation declares, as refreshes read it.
pub fn declarations(installation: &Installation) -> Declarations<'_> {
    let (contracts, tables) = (&installation.project.contracts, &installation.project.tables);
    Declarations { contracts, tables, catalogue: &installation.catalogue }
}

/// What was done, for programs.
pub fn document(table: &TableSpec, done: &Refreshed) -> Value {
    let mut document = json!({"table": table.full_name()});
    let Some(fields) = document.as_object_mut() else { return document };
    if let Some(built) = &done.built {
        let checks: Vec<Value> = built.checks.iter().map(check).collect();
        fields.insert("rows".into(), json!(built.row_count));
        fields.insert("version".into(), json!(built.table_version));
        fields.insert("inputs".into(), json!(built.versions));
        fields.insert("checks".into(), json!(checks));
    }
    fields.insert("decision".into(), done.decision.document());
    document
}

fn check(outcome: &huiliu_subject::CheckOutcome) -> Value {
    let severity = match outcome.severity {
        Severity::Fail => "fail",
        Severity::Warn => "warn",
    };
    json!({"name": outcome.name, "severity": severity, "offending_count": outcome.offending_count})
}
