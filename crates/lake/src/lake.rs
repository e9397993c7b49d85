//! A lake: one location, the datasets declared in it, and what can be done with them.

use crate::dataset::{Dataset, DatasetStatus};
use crate::metrics::Metrics;
use crate::opened::OpenedTables;
use crate::room::Room;
use crate::shape::{Shape, claim};
use crate::store::{Opened, check_conditional_put, open};
use crate::table::Shared;
use crate::traffic::{Counted, Meter};
use huiliu_model::usage::Usage;
use huiliu_model::{Clock, Contract, Error, ErrorKind};
use object_store::path::Path;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An opened lake. Cheap to clone.
#[derive(Clone)]
pub struct Lake {
    shared: Shared,
    datasets: Arc<BTreeMap<String, Arc<Dataset>>>,
    location: Arc<str>,
    opened: OpenedTables,
}

/// Where a lake is, and how its store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// A directory or an `s3://`, `az://` or `gs://` URL.
    pub location: &'a str,
    /// By object_store's names.
    pub options: &'a BTreeMap<String, String>,
}

impl Lake {
    /// Opens a lake and the tables of its datasets, making what is missing, and proves that the
    /// store honours conditional puts. The token key that `shape` names becomes the lake's, if it
    /// has none.
    ///
    /// # Errors
    /// `Invalid`, `Denied` or `Unavailable`, naming what to do.
    pub async fn open(
        location: &str,
        options: &BTreeMap<String, String>,
        contracts: &[Arc<Contract>],
        shape: impl Into<Shape>,
        clock: Arc<dyn Clock>,
    ) -> Result<Lake, Error> {
        let Opened { store, folder } = open(location, options)?;
        let ids = crate::ids::random();
        let probe = Path::from(format!("_huiliu/probe-{}", ids()));
        check_conditional_put(store.as_ref(), &probe).await?;
        let shared = Shared::new(store, folder, clock, ids);
        Self::over(shared, location, contracts, &shape.into()).await
    }

    /// Opens a lake on a given store: for tests that inject faults.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub async fn on_store(
        store: Arc<dyn object_store::ObjectStore>,
        contracts: &[Arc<Contract>],
        shape: impl Into<Shape>,
        clock: Arc<dyn Clock>,
    ) -> Result<Lake, Error> {
        let shared = Shared::new(store, None, clock, crate::ids::random());
        Self::over(shared, "memory", contracts, &shape.into()).await
    }

    /// Opens a lake on a given store with file ids of its own, so that a seed replays a run.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub async fn replayable(
        store: Arc<dyn object_store::ObjectStore>,
        contracts: &[Arc<Contract>],
        shape: impl Into<Shape>,
        clock: Arc<dyn Clock>,
        ids: crate::ids::Ids,
    ) -> Result<Lake, Error> {
        let shared = Shared::new(store, None, clock, ids);
        Self::over(shared, "memory", contracts, &shape.into()).await
    }

    /// Opens a lake as [`Lake::open`] does, and counts every request to its store.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub async fn counted(
        place: Place<'_>,
        contracts: &[Arc<Contract>],
        shape: impl Into<Shape>,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Lake, Error> {
        let Opened { store, folder } = open(place.location, place.options)?;
        let meter = Meter { metrics, clock: Arc::clone(&clock) };
        let store: Arc<dyn object_store::ObjectStore> = Arc::new(Counted { inner: store, meter });
        let ids = crate::ids::random();
        let probe = Path::from(format!("_huiliu/probe-{}", ids()));
        check_conditional_put(store.as_ref(), &probe).await?;
        let shared = Shared::new(store, folder, clock, ids);
        Self::over(shared, place.location, contracts, &shape.into()).await
    }

    async fn over(
        shared: Shared,
        location: &str,
        contracts: &[Arc<Contract>],
        shape: &Shape,
    ) -> Result<Lake, Error> {
        if let Some(token_key) = &shape.token_key {
            claim(shared.store.as_ref(), token_key).await?;
        }
        let opening = contracts.iter().map(|c| Dataset::open(&shared, Arc::clone(c), shape));
        let opened = futures::future::try_join_all(opening).await?;
        let datasets =
            opened.into_iter().map(|d| (d.contract.dataset.to_string(), Arc::new(d))).collect();
        let (datasets, opened) = (Arc::new(datasets), OpenedTables::default());
        Ok(Lake { shared, datasets, location: location.into(), opened })
    }

    /// Says how much memory the process may take: folds and the lake's own questions to its
    /// tables keep to their shares of it.
    pub fn limit_memory(&self, bytes: u64) {
        self.shared.memory.limit_to(bytes);
    }

    /// Counts the rows that folds hold from now on.
    pub fn count_folds(&self, usage: Arc<Usage>) {
        self.shared.memory.count_folds(usage);
    }

    /// Where sessions on this lake spill to.
    pub fn room(&self) -> &Room {
        &self.shared.memory.room
    }

    /// Names the columns by which rows of datasets are looked up: the files of `current` that are
    /// written from now on find rows by them. Without it rows are found as well, but slowly. Said
    /// once; later words are not heard.
    pub fn look_up_by(&self, columns: BTreeMap<String, BTreeSet<String>>) {
        let _said_before = self.shared.lookups.set(columns);
    }

    pub fn location(&self) -> &str {
        &self.location
    }

    pub fn store(&self) -> &Arc<dyn object_store::ObjectStore> {
        &self.shared.store
    }

    pub(crate) fn opened_tables(&self) -> &OpenedTables {
        &self.opened
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub fn datasets(&self) -> impl Iterator<Item = &Arc<Dataset>> {
        self.datasets.values()
    }

    /// # Errors
    /// `Bug` for a dataset that was not declared when the lake was opened.
    pub fn dataset(&self, name: &str) -> Result<Arc<Dataset>, Error> {
        self.datasets.get(name).cloned().ok_or_else(|| {
            Error::new(ErrorKind::Bug, format!("dataset `{name}` is not part of this lake"))
        })
    }

    /// Status of every dataset, in the order of their names.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn status(&self) -> Result<Vec<DatasetStatus>, Error> {
        futures::future::try_join_all(self.datasets.values().map(|d| d.status())).await
    }

    /// Writes the checkpoints that are due; returns how many. A failure of one is logged: the
    /// table is whole without it.
    pub async fn checkpoint(&self, every: i64) -> usize {
        let mut written = 0;
        for dataset in self.datasets.values() {
            for table in [&dataset.changes, &dataset.quarantine, &dataset.current, &dataset.deleted]
            {
                match table.checkpoint_if_due(every).await {
                    Ok(done) => written += usize::from(done),
                    Err(e) => tracing::warn!(table = %table.path(), error = %e, "no checkpoint"),
                }
            }
        }
        written
    }
}
