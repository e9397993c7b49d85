//! Removing a subject database from the lake, files and logs, with a record of who and why.
//!
//! The record comes first: when the ledger cannot be written, nothing is removed. Then each
//! table's log goes before its files, so that no reader finds a log whose files are missing. A
//! purge that died is given again; it finds what is left by listing the folder, not by a log.

use crate::error::{arrow_error, store_error};
use crate::lake::Lake;
use crate::subject::folder;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::TryStreamExt;
use huiliu_model::{Error, system};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name of the ledger table.
const PURGES: &str = "purges";
const TITLE: &str = "主题库清除记录";
/// Folder of a table's log.
const LOG: &str = "_delta_log";

/// What the lake holds of one subject table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    pub table: String,
    /// Rows of its newest version; none when its log is gone.
    pub rows: Option<i64>,
    pub file_count: usize,
    pub size_bytes: u64,
}

/// One row per table that was removed.
fn schema() -> SchemaRef {
    let field = |name: &str, data_type: DataType, comment: &str| {
        let comment = [("comment".to_owned(), comment.to_owned())].into();
        Field::new(name, data_type, name == "row_count").with_metadata(comment)
    };
    Arc::new(Schema::new(vec![
        field("at", system::timestamp(), "清除时间"),
        field("actor", DataType::Utf8, "操作人"),
        field("subject", DataType::Utf8, "主题库"),
        field("table_name", DataType::Utf8, "表"),
        field("row_count", DataType::Int64, "清除前行数"),
        field("file_count", DataType::Int64, "清除文件数"),
        field("size_bytes", DataType::Int64, "清除字节数"),
        field("note", DataType::Utf8, "原因"),
    ]))
}

impl Lake {
    /// What the lake holds of a subject, table by table, whether its tables are declared or not.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn subject_remains(&self, subject: &str) -> Result<Vec<Remains>, Error> {
        let mut remains = Vec::new();
        for (table, objects) in self.subject_objects(subject).await? {
            let status = self.subject_status(subject, &table).await?;
            remains.push(Remains {
                rows: status.map(|status| status.rows),
                file_count: objects.len(),
                size_bytes: objects.iter().map(|(_, size)| size).sum(),
                table,
            });
        }
        Ok(remains)
    }

    /// Removes everything the lake holds of a subject and says what it was; the ledger keeps who
    /// did it and why. Nothing stops a process that is building its tables at the same time.
    ///
    /// # Errors
    /// As the store answers; what is left then goes with the next purge.
    pub async fn purge_subject(
        &self,
        subject: &str,
        actor: &str,
        note: &str,
    ) -> Result<Vec<Remains>, Error> {
        let remains = self.subject_remains(subject).await?;
        if remains.is_empty() {
            self.remove_folders(subject);
            return Ok(remains);
        }
        let ledger = self.ledger(PURGES, TITLE, schema()).await?;
        let at_us = self.shared().clock.now_us();
        ledger.note(&rows(&remains, at_us, [actor, subject, note])?).await?;
        for (_, mut objects) in self.subject_objects(subject).await? {
            objects.sort_by_key(|(path, _)| !path.parts().any(|part| part.as_ref() == LOG));
            for (path, _) in objects {
                match self.store().delete(&path).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(e) => return Err(store_error(&format!("removing `{path}`"), e)),
                }
            }
        }
        self.remove_folders(subject);
        Ok(remains)
    }

    /// Removes the empty folders that are left of a subject in a directory; other stores have
    /// none. A folder that stays holds nothing of the subject, or something new.
    fn remove_folders(&self, subject: &str) {
        if let Some(root) = &self.shared().folder {
            let folder = folder(subject);
            let parts = folder.parts().map(|part| part.as_ref().to_owned());
            remove_empty(&root.join(parts.collect::<std::path::PathBuf>()));
        }
    }

    /// Every object of a subject with its size, by table.
    async fn subject_objects(
        &self,
        subject: &str,
    ) -> Result<BTreeMap<String, Vec<(Path, u64)>>, Error> {
        let folder = folder(subject);
        let listed: Vec<_> = self
            .store()
            .list(Some(&folder))
            .try_collect()
            .await
            .map_err(|e| store_error(&format!("listing `{folder}`"), e))?;
        let mut objects: BTreeMap<String, Vec<(Path, u64)>> = BTreeMap::new();
        for object in listed {
            let below = object.location.prefix_match(&folder).and_then(|mut parts| parts.next());
            let Some(table) = below.map(|part| part.as_ref().to_owned()) else { continue };
            objects.entry(table).or_default().push((object.location, object.size));
        }
        Ok(objects)
    }
}

/// Removes a folder and those below it, as far as they are empty; links are not followed.
fn remove_empty(folder: &std::path::Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    // Refused by the system for a folder that is not empty.
    if let Err(error) = std::fs::remove_dir(folder) {
        tracing::debug!(folder = %folder.display(), %error, "the folder stays");
    }
}

fn rows(
    remains: &[Remains],
    at_us: i64,
    [actor, subject, note]: [&str; 3],
) -> Result<RecordBatch, Error> {
    let said = |text: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(remains.iter().map(|_| text)))
    };
    let files = |r: &Remains| i64::try_from(r.file_count).unwrap_or(i64::MAX);
    let bytes = |r: &Remains| i64::try_from(r.size_bytes).unwrap_or(i64::MAX);
    let at: TimestampMicrosecondArray = remains.iter().map(|_| Some(at_us)).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(at.with_timezone("UTC")),
        said(actor),
        said(subject),
        Arc::new(StringArray::from_iter_values(remains.iter().map(|r| &r.table))),
        Arc::new(remains.iter().map(|r| r.rows).collect::<Int64Array>()),
        Arc::new(Int64Array::from_iter_values(remains.iter().map(files))),
        Arc::new(Int64Array::from_iter_values(remains.iter().map(bytes))),
        said(note),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| arrow_error("noting a purge", e))
}
