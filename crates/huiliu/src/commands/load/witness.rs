//! A landing with a witness: what was rejected and why, counted and sampled on its way through.
//!
//! Values are shown only of columns of grade L1 and L2, and only where the reject's bytes are at
//! hand in clear: in a dry run and in a plain lake.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use huiliu_model::port::{Landed, Landing};
use huiliu_model::{Batch, Contract, DriftNote, Error, ErrorKind, Grade, Partition, Progress};
use huiliu_model::{Standing, Stop, system};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const SAMPLES_MAX: usize = 10;
/// Samples of one reason and column, so that a frequent one does not hide the others.
const ALIKE_MAX: usize = 2;
/// Longest value that is shown, in characters.
const VALUE_CHARS_MAX: usize = 40;

/// Why rows were rejected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Why {
    pub stage: String,
    pub reason: String,
    pub column: Option<String>,
    pub rule: Option<String>,
}

/// One rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// `file/<digits>`, as in the column `kafka_topic` of quarantine.
    pub file: String,
    /// Row from 0, as in `sys_offset`.
    pub row: i64,
    #[serde(flatten)]
    pub why: Why,
    /// Only of columns of grade L1 and L2.
    pub value: Option<String>,
}

/// What a witness saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub rejects: BTreeMap<Why, u64>,
    pub samples: Vec<Sample>,
}

/// A landing that is watched.
pub struct Witness<L> {
    inner: L,
    contract: Arc<Contract>,
    seen: Mutex<Seen>,
}

impl<L> Witness<L> {
    pub fn new(inner: L, contract: &Arc<Contract>) -> Self {
        Self { inner, contract: Arc::clone(contract), seen: Mutex::default() }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, rejects: &RecordBatch) -> Option<()> {
        let text = |name: &str| Some(rejects.column_by_name(name)?.as_string::<i32>());
        let (stages, reasons) = (text("stage")?, text("reason")?);
        let (fields, rules, files) = (text("field")?, text("rule")?, text("kafka_topic")?);
        let offsets = rejects.column_by_name(system::OFFSET)?.as_primitive::<Int64Type>();
        let raw = rejects.column_by_name("raw")?.as_binary::<i32>();
        let sealed = rejects.column_by_name("raw_key_id")?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..rejects.num_rows() {
            let of = |texts: &arrow::array::StringArray| {
                texts.is_valid(row).then(|| texts.value(row).to_owned())
            };
            let why = Why {
                stage: stages.value(row).to_owned(),
                reason: reasons.value(row).to_owned(),
                column: of(fields),
                rule: of(rules),
            };
            *seen.rejects.entry(why.clone()).or_default() += 1;
            let alike = seen.samples.iter().filter(|s| s.why == why).count();
            if seen.samples.len() < SAMPLES_MAX && alike < ALIKE_MAX {
                let is_clear = raw.is_valid(row) && sealed.is_null(row);
                let value = is_clear.then(|| self.value(&why, raw.value(row))).flatten();
                let (file, row) = (files.value(row).to_owned(), offsets.value(row));
                seen.samples.push(Sample { file, row, why, value });
            }
        }
        Some(())
    }

    /// The value of the column that decided, where its grade lets it be shown.
    fn value(&self, why: &Why, raw: &[u8]) -> Option<String> {
        let (_, column) = self.contract.column(why.column.as_deref()?)?;
        if column.grade > Grade::L2 {
            return None;
        }
        let object: Value = serde_json::from_slice(raw).ok()?;
        let image = object.get("after").filter(|image| image.is_object()).unwrap_or(&object);
        let text = match image.get(&column.name)? {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let mut shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Some(shown)
    }
}

#[async_trait]
impl<L: Landing> Landing for Witness<L> {
    async fn progress(&self, dataset: &str, partitions: &[Partition]) -> Result<Progress, Error> {
        self.inner.progress(dataset, partitions).await
    }

    async fn land(&self, batch: &Batch) -> Result<Landed, Error> {
        let landed = self.inner.land(batch).await?;
        for rejects in &batch.rejects {
            self.note(rejects)
                .ok_or_else(|| Error::new(ErrorKind::Bug, "rejects lack a column of quarantine"))?;
        }
        Ok(landed)
    }

    async fn standing(&self, dataset: &str) -> Result<Standing, Error> {
        self.inner.standing(dataset).await
    }

    async fn stop(&self, stop: &Stop) -> Result<(), Error> {
        self.inner.stop(stop).await
    }

    async fn note_drift(&self, notes: &[DriftNote]) -> Result<(), Error> {
        self.inner.note_drift(notes).await
    }
}

/// A landing that keeps nothing: everything is new to it, and nothing is written.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsal;

#[async_trait]
impl Landing for Rehearsal {
    async fn progress(&self, _: &str, _: &[Partition]) -> Result<Progress, Error> {
        Ok(Progress::default())
    }

    async fn land(&self, batch: &Batch) -> Result<Landed, Error> {
        batch.check_balance().map_err(|why| Error::new(ErrorKind::Bug, why))?;
        Ok(Landed { table_version: 0, file_bytes: 0, already: false, stopped: false })
    }

    async fn standing(&self, _: &str) -> Result<Standing, Error> {
        Ok(Standing::default())
    }

    async fn stop(&self, _: &Stop) -> Result<(), Error> {
        Ok(())
    }

    async fn note_drift(&self, _: &[DriftNote]) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
