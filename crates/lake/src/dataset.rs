//! The four tables of one dataset, made on first use.

use crate::chain::sm3;
use crate::kept::Kept;
use crate::layout::Layout;
use crate::log::TableState;
use crate::looked::Looked;
use crate::shape::{Shape, TOKEN_KEY, compare};
use crate::stage::Index;
use crate::table::{Definition, Shared, Table};
use arrow::datatypes::{Field, Schema, SchemaRef};
use huiliu_model::{Contract, Error, ErrorKind, system};
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Progress app id of the fold, in `current` and `deleted`: the version of `changes` folded.
pub const FOLD: &str = "fold";
/// Table property that fixes the number of buckets.
pub(crate) const BUCKETS: &str = "huiliu.buckets";

/// The tables of one dataset.
pub struct Dataset {
    pub contract: Arc<Contract>,
    /// Digest of the contract and of the program whose rules are applied, as replays note it.
    pub(crate) contract_sm3: String,
    pub changes: Table,
    pub quarantine: Table,
    pub current: Table,
    pub deleted: Table,
    /// Columns of the files of `changes`, `current` and `deleted`.
    pub changes_schema: SchemaRef,
    pub current_schema: SchemaRef,
    pub deleted_schema: SchemaRef,
    /// Rows of `changes` that are not folded, as far as they were read.
    pub(crate) kept: Kept,
    /// Rows of `current` that were looked up last.
    pub(crate) looked: Looked,
}

/// What `status` shows of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetStatus {
    pub dataset: String,
    pub title: String,
    pub changes_rows: i64,
    pub current_rows: i64,
    /// Rows of `changes` that the fold has not reached.
    pub pending_rows: i64,
    pub rejected_rows: i64,
    pub changes_version: i64,
    pub folded_version: i64,
    /// Newest commit to `changes`, milliseconds since 1970 UTC; 0 when there is none.
    pub committed_at_ms: i64,
    pub size_bytes: i64,
    /// `<kafka_topic>/<partition>` and the first offset not yet durable.
    pub progress: BTreeMap<String, i64>,
    /// The stop that stands, if the dataset stands still.
    pub stopped: Option<huiliu_model::Stop>,
    /// How the files of `changes`, `current` and `quarantine` lie.
    pub layouts: [(&'static str, Layout); 3],
}

/// Stored columns of the contract, then system columns.
pub fn changes_schema(contract: &Contract, protected: bool) -> SchemaRef {
    let mut fields = contract.stored_fields(protected);
    fields.extend(system::changes_fields(protected));
    Arc::new(Schema::new(fields))
}

fn current_schema(contract: &Contract, protected: bool) -> SchemaRef {
    let mut fields = contract.stored_fields(protected);
    fields.extend(system::current_fields());
    Arc::new(Schema::new(fields))
}

/// Key columns, the sequence and the two times.
fn deleted_schema(contract: &Contract, protected: bool) -> SchemaRef {
    let stored = contract.stored_fields(protected);
    let keys = contract.key_names();
    let mut fields: Vec<Field> =
        keys.iter().filter_map(|k| stored.iter().find(|f| f.name() == k).cloned()).collect();
    fields.extend(system::deleted_fields());
    Arc::new(Schema::new(fields))
}

/// The columns of the files, and the bucket as partition column.
fn with_bucket(files: &Schema) -> Schema {
    let mut fields: Vec<Field> = files.fields().iter().map(|f| f.as_ref().clone()).collect();
    fields.push(Field::new(system::BUCKET, arrow::datatypes::DataType::Int32, false));
    Schema::new(fields)
}

/// One of a dataset's tables as its contract wants it.
pub(crate) struct Wanted {
    pub kind: &'static str,
    pub schema: Schema,
    pub partition_by: &'static [&'static str],
}

/// The tables that a contract wants.
pub(crate) fn wanted(contract: &Contract, protected: bool) -> [Wanted; 4] {
    let table = |kind, schema, partition_by| Wanted { kind, schema, partition_by };
    let by_bucket: &[&str] = &[system::BUCKET];
    let (current, deleted) =
        (current_schema(contract, protected), deleted_schema(contract, protected));
    [
        table("changes", changes_schema(contract, protected).as_ref().clone(), &[]),
        table("quarantine", Schema::new(system::quarantine_fields()), &[]),
        table("current", with_bucket(&current), by_bucket),
        table("deleted", with_bucket(&deleted), by_bucket),
    ]
}

impl Dataset {
    /// Opens the tables of a dataset, making those that are missing.
    ///
    /// # Errors
    /// As the store answers; `Invalid` when a table differs from its contract in more than
    /// nullable columns that it gains, or its tokens are of another key.
    pub async fn open(
        shared: &Shared,
        contract: Arc<Contract>,
        shape: &Shape,
    ) -> Result<Dataset, Error> {
        let protected = shape.protected;
        let changes_schema = changes_schema(&contract, protected);
        let current_schema = current_schema(&contract, protected);
        let deleted_schema = deleted_schema(&contract, protected);
        let mut properties: BTreeMap<String, String> =
            [(BUCKETS.to_owned(), contract.buckets.to_string())].into();
        let token_key = shape.token_key.clone();
        properties.extend(token_key.map(|token_key| (TOKEN_KEY.to_owned(), token_key)));
        let make = async |Wanted { kind, schema, partition_by }: &Wanted| {
            let name = format!("{kind}.{}", contract.dataset);
            let definition = Definition {
                name: &name,
                description: &contract.title,
                schema,
                partition_by,
                properties: properties.clone(),
                grows: true,
            };
            let path = Path::from(*kind).join(contract.dataset.as_ref());
            Table::open_or_create(shared, path, &definition).await
        };
        let [changes, quarantine, current, deleted] = &wanted(&contract, protected);
        let (changes, quarantine, current, deleted) =
            tokio::try_join!(make(changes), make(quarantine), make(current), make(deleted))?;
        let rules = format!("huiliu/{}\n{contract:?}", env!("CARGO_PKG_VERSION"));
        let dataset = Dataset {
            contract_sm3: sm3(rules.as_bytes()),
            contract,
            changes,
            quarantine,
            current,
            deleted,
            changes_schema,
            current_schema,
            deleted_schema,
            kept: Kept::default(),
            looked: Looked::default(),
        };
        dataset.check_buckets().await?;
        if let Some(token_key) = &shape.token_key {
            dataset.check_token_key(token_key).await?;
        }
        Ok(dataset)
    }

    /// What the files of `current` offer to who looks for rows.
    pub(crate) fn index(&self) -> Index {
        let keys: Vec<String> = self.contract.key_names().into_iter().map(Into::into).collect();
        let lookups = self.current.shared().lookups.get();
        let rows = lookups.and_then(|columns| columns.get(self.contract.dataset.as_ref()));
        let rows = rows.map(|columns| columns.iter().cloned().collect()).unwrap_or_default();
        Index { pages: keys.clone(), bloom: keys, rows }
    }

    async fn check_buckets(&self) -> Result<(), Error> {
        let found = self.current.property(BUCKETS).await;
        let wanted = self.contract.buckets.to_string();
        match found {
            Some(found) if found != wanted => Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "current.{} has {found} buckets, its contract says {wanted}",
                    self.contract.dataset
                ),
            )
            .help("the number of buckets is fixed when the table is made; set it back")),
            _ => Ok(()),
        }
    }

    /// Tables that a reader without keys made name no key.
    async fn check_token_key(&self, token_key: &str) -> Result<(), Error> {
        for table in [&self.changes, &self.current, &self.deleted] {
            if let Some(found) = table.property(TOKEN_KEY).await {
                compare(&format!("table `{}`", table.path()), &found, token_key)?;
            }
        }
        Ok(())
    }

    /// Digest of the contract and of the program whose rules are applied; SM3, 64 hex digits.
    pub fn contract_sm3(&self) -> &str {
        &self.contract_sm3
    }

    /// What the tables say about themselves, read afresh.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn status(&self) -> Result<DatasetStatus, Error> {
        let (changes, current, quarantine) = tokio::try_join!(
            self.changes.refresh(),
            self.current.refresh(),
            self.quarantine.refresh()
        )?;
        let (folded, pending) = pending(&changes, &current);
        let stopped = self.standing_at(&changes).await?.stop;
        let layouts = [
            ("changes", Layout::of(&changes)),
            ("current", Layout::of(&current)),
            ("quarantine", Layout::of(&quarantine)),
        ];
        Ok(DatasetStatus {
            stopped,
            layouts,
            dataset: self.contract.dataset.to_string(),
            title: self.contract.title.clone(),
            changes_rows: changes.rows(),
            current_rows: current.rows(),
            pending_rows: pending,
            rejected_rows: quarantine.rows(),
            changes_version: changes.version,
            folded_version: folded,
            committed_at_ms: if changes.version > 0 { changes.committed_at_ms } else { 0 },
            size_bytes: changes.size_bytes() + current.size_bytes() + quarantine.size_bytes(),
            progress: changes.txns.into_iter().filter(|(id, _)| is_partition(id)).collect(),
        })
    }
}

/// The version of `changes` that is folded, and the rows behind it.
pub(crate) fn pending(changes: &TableState, current: &TableState) -> (i64, i64) {
    let folded = current.txns.get(FOLD).copied().unwrap_or(0);
    let paths = changes.added.range(folded + 1..).flat_map(|(_, paths)| paths);
    (folded, paths.filter_map(|path| changes.files.get(path)?.rows).sum())
}

/// Whether an app id is that of a partition, `<kafka_topic>/<number>`.
fn is_partition(app_id: &str) -> bool {
    app_id.rsplit_once('/').is_some_and(|(_, number)| number.parse::<i32>().is_ok())
}
