//! Subject tables and ledgers that this process has opened: their logs are read once, then
//! followed.
//!
//! A refresh asks for its table several times and every round for all tables of a subject. A log
//! that is read from its start costs a checkpoint and tens of commits each time; one that is
//! followed costs two requests. A table that was removed, and maybe made again by another process,
//! is told by its newest commit, which is no longer the object that it was: then it is opened anew.

use crate::error::store_error;
use crate::lake::Lake;
use crate::log::{TableState, commit_path};
use crate::table::{Definition, Table};
use huiliu_model::{Error, ErrorKind};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A table, and the newest commit of it that was seen.
#[derive(Clone)]
struct Opened {
    table: Arc<Table>,
    version: i64,
    commit: ObjectMeta,
}

/// Tables by the path of their folder; clones share them.
#[derive(Clone, Default)]
pub struct OpenedTables(Arc<Mutex<BTreeMap<String, Opened>>>);

impl OpenedTables {
    fn get(&self, path: &Path) -> Option<Opened> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path.as_ref()).cloned()
    }

    fn keep(&self, path: &Path, opened: Opened) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.as_ref().to_owned(), opened);
    }

    fn forget(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path.as_ref());
    }
}

impl Lake {
    /// A table and its newest state; `None` when there is none.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub(crate) async fn opened(
        &self,
        path: &Path,
    ) -> Result<Option<(Arc<Table>, TableState)>, Error> {
        let known = self.opened_tables().get(path);
        if let Some(Opened { table, version, commit }) = known {
            if self.commit(path, version).await?.is_some_and(|found| is_same(&found, &commit)) {
                let state = table.refresh().await?;
                if state.version != version {
                    self.remember(path, &table, state.version).await?;
                }
                return Ok(Some((table, state)));
            }
            self.opened_tables().forget(path);
        }
        let Some(table) = Table::open(self.shared(), path.clone()).await? else { return Ok(None) };
        let table = Arc::new(table);
        let state = table.refresh().await?;
        self.remember(path, &table, state.version).await?;
        Ok(Some((table, state)))
    }

    /// A table and its newest state; it is made when it is not there.
    ///
    /// # Errors
    /// As [`Table::open_or_create`].
    pub(crate) async fn opened_or_made(
        &self,
        path: &Path,
        definition: &Definition<'_>,
    ) -> Result<(Arc<Table>, TableState), Error> {
        if let Some((table, state)) = self.opened(path).await? {
            table.suit(definition.schema, definition.grows).await?;
            return Ok((table, state));
        }
        Table::open_or_create(self.shared(), path.clone(), definition).await?;
        self.opened(path).await?.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, format!("table `{path}` vanished after it was made"))
        })
    }

    async fn remember(&self, path: &Path, table: &Arc<Table>, version: i64) -> Result<(), Error> {
        match self.commit(path, version).await? {
            Some(commit) => {
                self.opened_tables()
                    .keep(path, Opened { table: Arc::clone(table), version, commit });
            }
            None => self.opened_tables().forget(path),
        }
        Ok(())
    }

    /// The object of a commit, without reading it.
    async fn commit(&self, table: &Path, version: i64) -> Result<Option<ObjectMeta>, Error> {
        match self.store().head(&commit_path(table, version)).await {
            Ok(found) => Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(store_error(&format!("looking for the log of `{table}`"), e)),
        }
    }
}

fn is_same(a: &ObjectMeta, b: &ObjectMeta) -> bool {
    (a.last_modified, a.size, &a.e_tag) == (b.last_modified, b.size, &b.e_tag)
}
