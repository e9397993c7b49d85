//! The tables that maintenance looks after, and what each must not lose of its log.

use crate::audit::CHAIN_LEDGER;
use crate::dataset::{Dataset, FOLD};
use crate::error::store_error;
use crate::lake::Lake;
use crate::log::TableState;
use crate::posting::{QUALITY, RECEIPTS};
use crate::quarantine::{REPAIR, REPAIRS, settled_by};
use crate::stop::STOPPED_VERSION;
use crate::subject::built_at;
use crate::table::Table;
use huiliu_model::Error;
use object_store::ObjectStore;
use object_store::path::Path;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a table is to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Changes,
    Quarantine,
    Current,
    Deleted,
    Ledger,
    Subject,
}

/// One table with its name, as in queries: `changes.water_bill`, `ledger.receipts`,
/// `enterprise_financing.enterprise_profile`.
pub struct Target {
    pub name: String,
    pub kind: Kind,
    held: Held,
}

enum Held {
    Of(Arc<Dataset>),
    Own(Table),
}

/// Log entries that somebody still needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needed {
    /// All after this version.
    pub after: i64,
    /// These too.
    pub also: BTreeSet<i64>,
}

impl Target {
    pub(crate) fn table(&self) -> &Table {
        match &self.held {
            Held::Own(table) => table,
            Held::Of(dataset) => match self.kind {
                Kind::Quarantine => &dataset.quarantine,
                Kind::Current => &dataset.current,
                Kind::Deleted => &dataset.deleted,
                _ => &dataset.changes,
            },
        }
    }

    pub(crate) fn dataset(&self) -> Option<&Arc<Dataset>> {
        match &self.held {
            Held::Of(dataset) => Some(dataset),
            Held::Own(_) => None,
        }
    }

    /// Whether `word` names this table: by its full name, or its dataset or subject.
    pub fn is_named(&self, word: &str) -> bool {
        let (folder, table) = self.name.split_once('.').unwrap_or((&self.name, ""));
        match self.kind {
            Kind::Subject | Kind::Ledger => word == self.name || word == folder,
            _ => word == self.name || word == table,
        }
    }
}

impl Lake {
    /// Every table of the lake, declared or not, but those of datasets that are not declared.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn maintained(&self) -> Result<Vec<Target>, Error> {
        let mut targets = Vec::new();
        for dataset in self.datasets() {
            let kinds = [
                ("changes", Kind::Changes),
                ("quarantine", Kind::Quarantine),
                ("current", Kind::Current),
                ("deleted", Kind::Deleted),
            ];
            targets.extend(kinds.map(|(folder, kind)| Target {
                name: format!("{folder}.{}", dataset.contract.dataset),
                kind,
                held: Held::Of(Arc::clone(dataset)),
            }));
        }
        let mut own = self.folders("ledger", Kind::Ledger).await?;
        let subjects = self.subfolders(&Path::from("subjects")).await?;
        for subject in &subjects {
            own.extend(self.folders(&format!("subjects/{subject}"), Kind::Subject).await?);
        }
        for (kind, name, path) in own {
            let Some(table) = Table::open(self.shared(), path).await? else { continue };
            targets.push(Target { name, kind, held: Held::Own(table) });
        }
        Ok(targets)
    }

    async fn folders(&self, folder: &str, kind: Kind) -> Result<Vec<(Kind, String, Path)>, Error> {
        let schema = folder.rsplit('/').next().unwrap_or(folder);
        let path = Path::from(folder);
        let named = |name: String| (kind, format!("{schema}.{name}"), path.clone().join(name));
        Ok(self.subfolders(&path).await?.into_iter().map(named).collect())
    }

    async fn subfolders(&self, path: &Path) -> Result<Vec<String>, Error> {
        let listed = self.store().list_with_delimiter(Some(path)).await;
        let listed = listed.map_err(|e| store_error(&format!("listing `{path}`"), e))?;
        let prefixes = listed.common_prefixes.iter();
        Ok(prefixes.filter_map(|prefix| prefix.filename().map(str::to_owned)).collect())
    }

    /// What is needed of the log of a table, whatever its age.
    pub(super) async fn needed(&self, target: &Target) -> Result<Needed, Error> {
        let state = target.table().refresh().await?;
        match (target.kind, target.dataset()) {
            (Kind::Changes, Some(dataset)) => self.needed_changes(dataset, &state).await,
            (Kind::Subject, _) => {
                // Without the record of its build a table cannot be refreshed by identity.
                let built = built_at(target.table(), &state).await?;
                Ok(Needed { after: built.map_or(0, |built| built - 1), ..Needed::default() })
            }
            _ => Ok(Needed { after: state.version, ..Needed::default() }),
        }
    }

    /// Of `changes`: what is not folded, what is not posted, and the record of the last stop.
    async fn needed_changes(&self, dataset: &Dataset, state: &TableState) -> Result<Needed, Error> {
        let name = dataset.contract.dataset.as_ref();
        let folded = dataset.current.progress().await?.get(FOLD).copied();
        let mut after = state.version.min(folded.unwrap_or(0));
        for ledger in [RECEIPTS, QUALITY, CHAIN_LEDGER] {
            let posted = match self.existing_ledger(ledger).await? {
                Some(ledger) => ledger.progress().await?.get(name).copied(),
                None => None,
            };
            after = after.min(posted.unwrap_or(0));
        }
        if let Some(counter) = state.txns.get(REPAIR) {
            let settled = match self.existing_ledger(REPAIRS).await? {
                Some(ledger) => ledger.progress().await?.get(&settled_by(name)).copied(),
                None => None,
            };
            if settled != Some(*counter) {
                after = 0;
            }
        }
        let also = state.txns.get(STOPPED_VERSION).copied().into_iter().collect();
        Ok(Needed { after, also })
    }
}
