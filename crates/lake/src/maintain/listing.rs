//! What lies in a table's folder, by the store's own times.

use crate::error::store_error;
use crate::lake::Lake;
use crate::table::Table;
use futures::{StreamExt, TryStreamExt, stream};
use huiliu_model::Error;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use std::collections::BTreeMap;

/// Deletions that are under way at once.
const DELETES: usize = 8;

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub path: Path,
    pub bytes: i64,
    /// When the store says it was written, milliseconds since 1970 UTC.
    pub at_ms: i64,
}

/// The objects of a table that we know how to name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub commits: BTreeMap<i64, Object>,
    pub checkpoints: BTreeMap<i64, Object>,
    /// Parquet files as we name them, in the log or not.
    pub data: Vec<Object>,
}

impl Listing {
    pub async fn of(table: &Table) -> Result<Self, Error> {
        let failed = |e| store_error(&format!("listing `{}`", table.path()), e);
        let mut objects = table.store().list(Some(table.path()));
        let mut listing = Self::default();
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            listing.take(table.path(), object);
        }
        Ok(listing)
    }

    fn take(&mut self, table: &Path, object: ObjectMeta) {
        let Some(below) = object.location.prefix_match(table) else { return };
        let in_log = below.map(|part| part.as_ref() == "_delta_log").next().unwrap_or(false);
        let Some(name) = object.location.filename().map(str::to_owned) else { return };
        let object = Object {
            bytes: i64::try_from(object.size).unwrap_or(i64::MAX),
            at_ms: object.last_modified.timestamp_millis(),
            path: object.location,
        };
        let version = |end: &str| name.strip_suffix(end).and_then(|number| number.parse().ok());
        if in_log {
            if let Some(version) = version(".checkpoint.parquet") {
                self.checkpoints.insert(version, object);
            } else if let Some(version) = version(".json") {
                self.commits.insert(version, object);
            }
        } else if name.starts_with("part-") && name.ends_with(".parquet") {
            self.data.push(object);
        }
    }

    /// The newest version when that instant came, or `newest` when nothing was committed since.
    pub fn newest_at(&self, at_ms: i64, newest: i64) -> i64 {
        let since = self.commits.iter().find(|(_, commit)| commit.at_ms >= at_ms);
        since.map_or(newest, |(version, _)| (version - 1).max(0).min(newest))
    }
}

/// Deletes objects; one that is gone already is no error.
pub(super) async fn delete(store: &dyn ObjectStore, objects: &[Object]) -> Result<(), Error> {
    let one = |object: &Object| {
        let path = object.path.clone();
        async move {
            match store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(e) => Err(store_error(&format!("deleting `{path}`"), e)),
            }
        }
    };
    stream::iter(objects.iter().map(one)).buffered(DELETES).try_collect::<()>().await
}

impl Lake {
    /// The store's clock: ages of objects are told by it, not by ours.
    pub(super) async fn store_now_ms(&self) -> Result<i64, Error> {
        let failed = |e| store_error("asking the store for the time", e);
        // One object for all who ask, so that whoever dies here leaves nothing behind.
        let path = Path::from("_huiliu/clock");
        let store = self.store();
        store.put(&path, PutPayload::from_static(b"huiliu")).await.map_err(failed)?;
        let head = store.head(&path).await.map_err(failed)?;
        Ok(head.last_modified.timestamp_millis())
    }
}
