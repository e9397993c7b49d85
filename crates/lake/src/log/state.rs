//! The state of a table at one version, kept up to date commit by commit.

use crate::chain::Tied;
use crate::log::action::{Add, Line, MetaData, lines};
use huiliu_model::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A live file of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMeta {
    pub size: i64,
    /// From the statistics; absent when the writer gave none.
    pub rows: Option<i64>,
    pub partition_values: BTreeMap<String, Option<String>>,
    pub modification_time: i64,
    /// Whether some of its rows may lack cells (`sys_unsent`), by the statistics.
    pub lacks_cells: bool,
    /// The statistics as they stand in the log, where the table's files are told apart by them
    /// ([`ORDERED_BY`]).
    pub stats: Option<Arc<str>>,
}

impl FileMeta {
    /// What the log says of a file that is added.
    pub(crate) fn of(add: &Add) -> Self {
        let counts = add.stats.as_deref().and_then(counts);
        Self {
            size: add.size,
            rows: counts.as_ref().map(|counts| counts.num_records),
            lacks_cells: counts.as_ref().is_none_or(Counts::lack_cells),
            partition_values: add.partition_values.clone(),
            modification_time: add.modification_time,
            stats: add.stats.as_deref().map(Arc::from),
        }
    }
}

/// Table property: the columns by which rows are dealt out to files that follow each other.
pub const ORDERED_BY: &str = "huiliu.orderedBy";

/// Everything the log says at `version`.
#[derive(Debug, Clone, Default)]
pub struct TableState {
    pub version: i64,
    pub metadata: Option<MetaData>,
    pub files: BTreeMap<String, FileMeta>,
    pub txns: BTreeMap<String, i64>,
    /// Files with new rows that each version read as JSON added; versions before a checkpoint are
    /// absent, and so are all but the newest [`ADDED_MAX`].
    pub added: BTreeMap<i64, Vec<String>>,
    /// Newest commit time seen, milliseconds since 1970 UTC; maintenance does not count.
    pub committed_at_ms: i64,
    /// `commitInfo` of the newest version read as JSON that is not maintenance.
    pub last_commit: Option<Value>,
    /// Version of the newest checkpoint known.
    pub checkpoint: Option<i64>,
    /// Digest of the receipt of `version`, where that was read as JSON.
    pub receipt_sm3: Option<String>,
    /// When the log was last read to its end, milliseconds since 1970 UTC by our clock.
    pub read_at_ms: i64,
    /// When `version` was last seen in the store, by our clock.
    pub proved_at_ms: i64,
}

/// Versions whose added files are remembered: half a day of commits, five seconds apart.
const ADDED_MAX: usize = 10_000;
/// Key of receipts of maintenance, which changes no rows but those that are too old.
pub const MAINTENANCE: &str = "maintenance";

impl TableState {
    pub fn rows(&self) -> i64 {
        self.files.values().filter_map(|f| f.rows).sum()
    }

    pub fn size_bytes(&self) -> i64 {
        self.files.values().map(|f| f.size).sum()
    }

    /// Applies the lines of `version`, which must be the next one.
    ///
    /// # Errors
    /// `Corrupt` for text that is no action, `Invalid` for a protocol we do not speak.
    pub fn apply(&mut self, version: i64, text: &[u8]) -> Result<(), Error> {
        let mut added = Vec::new();
        for line in lines(text, &format!("log version {version}"))? {
            self.apply_line(line, &mut added)?;
        }
        self.forget_stats(&added);
        self.added.insert(version, added);
        if self.added.len() > ADDED_MAX {
            self.added.pop_first();
        }
        self.version = version;
        self.receipt_sm3 = Some(Tied::of(text).digest());
        Ok(())
    }

    /// The state that a checkpoint of `version` tells.
    ///
    /// # Errors
    /// `Invalid` for a protocol we do not speak.
    pub(super) fn of_checkpoint(version: i64, lines: Vec<Line>) -> Result<Self, Error> {
        let mut state = Self { version, checkpoint: Some(version), ..Self::default() };
        let mut added = Vec::new();
        for line in lines {
            state.apply_line(line, &mut added)?;
        }
        let all: Vec<String> = state.files.keys().cloned().collect();
        state.forget_stats(&all);
        Ok(state)
    }

    /// Lets go of the statistics of these files where nobody looks at them: `changes` has many
    /// thousands of files.
    fn forget_stats(&mut self, paths: &[String]) {
        let of = self.metadata.as_ref().map(|metadata| &metadata.configuration);
        if of.is_some_and(|properties| properties.contains_key(ORDERED_BY)) {
            return;
        }
        for path in paths {
            if let Some(file) = self.files.get_mut(path) {
                file.stats = None;
            }
        }
    }

    fn apply_line(&mut self, line: Line, added: &mut Vec<String>) -> Result<(), Error> {
        if let Some(protocol) = line.protocol
            && (protocol.min_reader_version > 1 || protocol.min_writer_version > 2)
        {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "the table asks for reader {} and writer {}, this program speaks 1 and 2",
                    protocol.min_reader_version, protocol.min_writer_version
                ),
            )
            .help("another tool raised the table's protocol; restore it from before"));
        }
        if let Some(metadata) = line.meta_data {
            self.metadata = Some(metadata);
        }
        if let Some(txn) = line.txn {
            self.txns.insert(txn.app_id, txn.version);
        }
        if let Some(remove) = line.remove {
            self.files.remove(&remove.path);
        }
        if let Some(add) = line.add {
            let meta = FileMeta::of(&add);
            if add.data_change {
                added.push(add.path.clone());
            }
            self.files.insert(add.path, meta);
        }
        if let Some(info) = line.commit_info
            && info.get("huiliu").is_none_or(|receipt| receipt.get(MAINTENANCE).is_none())
        {
            self.committed_at_ms = info.get("timestamp").and_then(Value::as_i64).unwrap_or(0);
            self.last_commit = Some(info);
        }
        Ok(())
    }
}

/// What is looked at of an add's statistics.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    num_records: i64,
    #[serde(default)]
    null_count: NullCount,
}

#[derive(Default, Deserialize)]
struct NullCount {
    /// Absent in a file that is older than the column.
    #[serde(rename = "sys_unsent")]
    unsent: Option<i64>,
}

impl Counts {
    fn lack_cells(&self) -> bool {
        self.null_count.unsent.is_some_and(|nulls| nulls < self.num_records)
    }
}

fn counts(stats: &str) -> Option<Counts> {
    serde_json::from_str(stats).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_protocol_is_refused_by_name() {
        let of = |reader, writer| {
            let line = format!(
                r#"{{"protocol":{{"minReaderVersion":{reader},"minWriterVersion":{writer}}}}}"#
            );
            TableState::default().apply(0, line.as_bytes())
        };
        of(1, 2).expect("ours");
        for (reader, writer) in [(2, 2), (1, 3), (3, 7)] {
            let error = of(reader, writer).expect_err("of another program");
            assert_eq!(error.kind, ErrorKind::Invalid);
            let said = format!("asks for reader {reader} and writer {writer}");
            assert!(error.message.contains(&said), "{}", error.message);
        }
    }
}
