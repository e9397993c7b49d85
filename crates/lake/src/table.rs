//! A handle on one Delta table: its newest known state, and how to make and re-read it.

use crate::chain::Tied;
use crate::commit::to_lines;
use crate::error::store_error;
use crate::footers::Footers;
use crate::log::{
    FileMeta, Line, MetaData, Protocol, TableState, WHOLE, checkpoint_at, commit_path, load,
    load_at, read_commit, tail, write_checkpoint,
};
use crate::memory::Memory;
use crate::schema::{from_delta, to_delta};
use arrow::datatypes::{Schema, SchemaRef};
use huiliu_model::{Clock, Error, ErrorKind};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, MutexGuard};

/// A state that was read longer ago is read anew, not brought up to date: the log may have been
/// cleaned past it, and behind a gap it would seem to end. Below [`crate::maintain::KEEP_LOG_MIN`].
const STALE_MS: i64 = 12 * 3_600_000;

/// A writer looks this often whether the version that it stands on is still there: a table that was
/// dropped gets the commits of a minute, and no more.
const PROOF_MS: i64 = 60_000;

/// Files by their path in the log.
pub type Files = Vec<(String, FileMeta)>;

/// What all tables of a lake share.
#[derive(Clone)]
pub struct Shared {
    pub store: Arc<dyn ObjectStore>,
    /// The folder of a lake in a directory.
    pub folder: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
    pub ids: crate::ids::Ids,
    pub memory: Memory,
    pub footers: Footers,
    pub lookups: Lookups,
}

/// Columns besides the key by which rows of datasets are looked up, by dataset.
pub type Lookups = Arc<OnceLock<BTreeMap<String, BTreeSet<String>>>>;

impl Shared {
    pub fn new(
        store: Arc<dyn ObjectStore>,
        folder: Option<PathBuf>,
        clock: Arc<dyn Clock>,
        ids: crate::ids::Ids,
    ) -> Self {
        let memory = Memory::default();
        let footers = Footers::within(&memory);
        Self { store, folder, clock, ids, memory, footers, lookups: Lookups::default() }
    }
}

/// One Delta table. Cheap to share; commits of one process to one table take turns.
pub struct Table {
    path: Path,
    shared: Shared,
    state: Mutex<TableState>,
}

/// How a new table looks.
pub struct Definition<'a> {
    pub name: &'a str,
    pub description: &'a str,
    pub schema: &'a Schema,
    pub partition_by: &'a [&'a str],
    /// Table properties, beside those every table has.
    pub properties: BTreeMap<String, String>,
    /// Nullable columns that the table lacks are added to it.
    pub grows: bool,
}

impl Table {
    /// Opens a table; `None` when there is none.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn open(shared: &Shared, path: Path) -> Result<Option<Table>, Error> {
        let Some(mut state) = load(&shared.store, &path).await? else { return Ok(None) };
        state.read_at_ms = shared.clock.now_us() / 1_000;
        state.proved_at_ms = state.read_at_ms;
        Ok(Some(Table { path, shared: shared.clone(), state: Mutex::new(state) }))
    }

    /// Opens a table, or makes it when it is not there. One that grows gains the columns it lacks.
    ///
    /// # Errors
    /// As [`Table::open`]; `Invalid` when the table that is there has other columns.
    pub async fn open_or_create(
        shared: &Shared,
        path: Path,
        definition: &Definition<'_>,
    ) -> Result<Table, Error> {
        if let Some(table) = Table::open(shared, path.clone()).await? {
            table.suit(definition.schema, definition.grows).await?;
            return Ok(table);
        }
        create(shared, &path, definition).await?;
        let table = Table::open(shared, path.clone()).await?;
        table.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, format!("table `{path}` vanished after it was made"))
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a file of this table lies in the store; `relative` is the log's path.
    pub fn file(&self, relative: &str) -> Path {
        let relative = Path::from(relative);
        self.path.parts().chain(relative.parts()).collect()
    }

    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.shared.store
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.shared.clock.now_us() / 1_000
    }

    /// The state, for a commit: as it was known, or read anew after a long time.
    pub(crate) async fn lock_recent(&self) -> Result<MutexGuard<'_, TableState>, Error> {
        let mut state = self.state.lock().await;
        if self.is_stale(&state) {
            self.tail(&mut state).await?;
        }
        if (self.now_ms() - state.proved_at_ms).abs() > PROOF_MS {
            self.prove(&state).await?;
            state.proved_at_ms = self.now_ms();
        }
        Ok(state)
    }

    /// That the table is still the one whose log was read: its newest version is there, and says
    /// what it said.
    async fn prove(&self, state: &TableState) -> Result<(), Error> {
        let found = read_commit(self.store().as_ref(), &self.path, state.version).await?;
        let how = match (found, &state.receipt_sm3) {
            (None, _) => "dropped",
            (Some(text), Some(known)) if Tied::of(&text).digest() != *known => "replaced",
            _ => return Ok(()),
        };
        let message = format!(
            "table `{}` was {how} under its writer: version {} is not what it was",
            self.path, state.version
        );
        Err(Error::new(ErrorKind::Corrupt, message)
            .help("restore the table; if it was dropped on purpose, start the process again"))
    }

    pub(crate) async fn tail(&self, state: &mut TableState) -> Result<(), Error> {
        match self.is_stale(state) {
            false => tail(self.shared.store.as_ref(), &self.path, state).await.map(|_| ())?,
            true => {
                let loaded = load(&self.shared.store, &self.path).await?;
                let proved_at_ms = state.proved_at_ms;
                *state = loaded.ok_or_else(|| {
                    Error::new(ErrorKind::Corrupt, format!("table `{}` is gone", self.path))
                })?;
                state.proved_at_ms = proved_at_ms;
            }
        }
        state.read_at_ms = self.now_ms();
        Ok(())
    }

    /// Whether so much time passed that the log may begin after this state.
    fn is_stale(&self, state: &TableState) -> bool {
        (self.now_ms() - state.read_at_ms).abs() > STALE_MS
    }

    /// The newest state, read afresh.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn refresh(&self) -> Result<TableState, Error> {
        let mut state = self.state.lock().await;
        self.tail(&mut state).await?;
        Ok(state.clone())
    }

    /// The state at an earlier version; `None` when the log does not reach back so far.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn state_at(&self, version: i64) -> Result<Option<TableState>, Error> {
        load_at(&self.shared.store, &self.path, version).await
    }

    /// Recorded progress by app id, read afresh.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn progress(&self) -> Result<BTreeMap<String, i64>, Error> {
        let mut state = self.state.lock().await;
        self.tail(&mut state).await?;
        Ok(state.txns.clone())
    }

    /// Files with new rows that each version after `from` added, whether they are live still or
    /// not; `None` when the log no longer tells.
    ///
    /// Versions read from a checkpoint, and those of files that are gone since, are looked up in
    /// their commit files, as long as these are there.
    ///
    /// # Errors
    /// As the store answers, or `Corrupt`.
    pub async fn added_since(
        &self,
        state: &TableState,
        from: i64,
    ) -> Result<Option<BTreeMap<i64, Files>>, Error> {
        let live = |path: &String| Some((path.clone(), state.files.get(path)?.clone()));
        let mut added = BTreeMap::new();
        for version in from + 1..=state.version {
            let known = state.added.get(&version);
            if let Some(files) = known.and_then(|paths| paths.iter().map(live).collect()) {
                added.insert(version, files);
                continue;
            }
            let store = self.shared.store.as_ref();
            let Some(text) = read_commit(store, &self.path, version).await? else {
                return Ok(None);
            };
            let mut one = TableState::default();
            one.apply(version, &text)?;
            let paths = one.added.remove(&version).unwrap_or_default();
            let found = |path: String| one.files.remove(&path).map(|file| (path, file));
            added.insert(version, paths.into_iter().filter_map(found).collect());
        }
        Ok(Some(added))
    }

    /// Columns as the log has them.
    ///
    /// # Errors
    /// `Corrupt`.
    pub async fn schema(&self) -> Result<SchemaRef, Error> {
        let state = self.state.lock().await;
        let text = state.metadata.as_ref().map_or("", |m| m.schema_string.as_str());
        Ok(Arc::new(from_delta(text)?))
    }

    /// A property of the table's metadata.
    pub async fn property(&self, name: &str) -> Option<String> {
        let state = self.state.lock().await;
        state.metadata.as_ref()?.configuration.get(name).cloned().flatten()
    }

    /// Writes a checkpoint when `every` versions have passed since the last one.
    ///
    /// # Errors
    /// `Unavailable`; the table is whole without it.
    pub async fn checkpoint_if_due(&self, every: i64) -> Result<bool, Error> {
        let (version, last) = {
            let state = self.state.lock().await;
            (state.version, state.checkpoint.unwrap_or(0))
        };
        if version - last < every {
            return Ok(false);
        }
        write_checkpoint(&self.shared.store, &self.path, version, self.now_ms()).await?;
        self.state.lock().await.checkpoint = Some(version);
        Ok(true)
    }

    /// Whether the checkpoint of a version can be read.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn has_whole_checkpoint(&self, version: i64) -> Result<bool, Error> {
        let found = checkpoint_at(self.store(), &self.path, version, &WHOLE).await?;
        Ok(found.is_some())
    }

    /// Whether a file of the table is in the store, named by the log or not.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn holds_file(&self, relative: &str) -> Result<bool, Error> {
        match self.store().head(&self.file(relative)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(store_error(&format!("looking for a file of `{}`", self.path), e)),
        }
    }
}

/// Writes version 0. Losing that race to another process is no error: the table is there.
async fn create(shared: &Shared, path: &Path, definition: &Definition<'_>) -> Result<(), Error> {
    let now = shared.clock.now_us() / 1_000;
    let mut configuration: BTreeMap<String, Option<String>> = [
        // We write checkpoints and clean the log ourselves, outside the commit.
        ("delta.enableExpiredLogCleanup".to_owned(), Some("false".to_owned())),
        ("delta.logRetentionDuration".to_owned(), Some("interval 7 days".to_owned())),
    ]
    .into();
    configuration.extend(definition.properties.iter().map(|(k, v)| (k.clone(), Some(v.clone()))));
    let metadata = MetaData {
        id: (shared.ids)().to_string(),
        name: Some(definition.name.to_owned()),
        description: Some(definition.description.to_owned()),
        format: json!({"provider": "parquet", "options": {}}),
        schema_string: to_delta(definition.schema)?,
        partition_columns: definition.partition_by.iter().map(|&c| c.to_owned()).collect(),
        configuration,
        created_time: Some(now),
    };
    let info = json!({"timestamp": now, "operation": "CREATE TABLE", "operationParameters": {}});
    let protocol = Protocol { min_reader_version: 1, min_writer_version: 2 };
    let body = to_lines(&[
        Line { commit_info: Some(info), ..Line::default() },
        Line { protocol: Some(protocol), ..Line::default() },
        Line { meta_data: Some(metadata), ..Line::default() },
    ])?;
    let first = commit_path(path, 0);
    let put = shared.store.put_opts(&first, PutPayload::from(body), PutMode::Create.into());
    match put.await {
        Ok(_)
        | Err(
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
        ) => Ok(()),
        Err(e) => Err(store_error(&format!("making table `{path}`"), e)),
    }
}
