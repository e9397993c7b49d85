//! Actions of the Delta protocol, as far as our tables use them.
//!
//! Source: the Delta transaction log protocol, sections "Add File and Remove File", "Transaction
//! Identifiers", "Change Metadata", "Protocol Evolution", "Commit Provenance Information".

use crate::log::state::FileMeta;
use huiliu_model::{Error, ErrorKind};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The actions of a commit file, or of rows of a checkpoint as JSON.
///
/// # Errors
/// `Corrupt` for a line that is no action, naming `place`.
pub fn lines(text: &[u8], place: &str) -> Result<Vec<Line>, Error> {
    let filled = text.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let parsed = filled.map(|line| {
        serde_json::from_slice(line).map_err(|e| {
            Error::new(ErrorKind::Corrupt, format!("{place} holds no action")).because(e)
        })
    });
    parsed.collect()
}

/// In a checkpoint what is empty may be null.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// One line of a commit file: exactly one field is set.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_info: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<MetaData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn: Option<Txn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<Add>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<Remove>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    pub min_reader_version: i32,
    pub min_writer_version: i32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetaData {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default)]
    pub format: Value,
    pub schema_string: String,
    #[serde(default, deserialize_with = "or_default")]
    pub partition_columns: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub configuration: BTreeMap<String, Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Txn {
    pub app_id: String,
    pub version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<i64>,
}

/// A file that becomes part of the table. `stats` is JSON text; `path` is relative to the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Add {
    pub path: String,
    #[serde(default, deserialize_with = "or_default")]
    pub partition_values: BTreeMap<String, Option<String>>,
    pub size: i64,
    pub modification_time: i64,
    #[serde(default, deserialize_with = "or_default")]
    pub data_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<i64>,
    pub data_change: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub extended_file_metadata: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub partition_values: BTreeMap<String, Option<String>>,
    #[serde(default, deserialize_with = "or_default")]
    pub size: i64,
}

impl Remove {
    /// Removes a live file with its rows.
    pub fn of(path: &str, file: &FileMeta, now_ms: i64) -> Self {
        Self {
            path: path.to_owned(),
            deletion_timestamp: Some(now_ms),
            data_change: true,
            extended_file_metadata: true,
            partition_values: file.partition_values.clone(),
            size: file.size,
        }
    }
}
