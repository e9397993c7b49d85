//! Stops in the data: a dataset that stands still says so in the log of `changes.<dataset>`.
//!
//! The app id `stopped` counts: odd while the dataset stands still, even while it goes on. Each
//! count is a commit of its own, whose receipt says why it stopped, or who let it go on and why;
//! `stopped/version` records the version of that commit, so that the receipt is found at once.
//!
//! ```text
//!  nothing ──stop──► 1 ──resolve──► 2 ──stop──► 3 …
//! ```
//!
//! Progress is not touched: what was landed stays, and the dataset goes on from there.

use crate::commit::{Commit, Step};
use crate::dataset::Dataset;
use crate::log::{TableState, read_commit};
use huiliu_model::{DriftKind, Error, ErrorKind, Standing, Stop, StopReason};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// App id that counts stops and resolutions.
const STOPPED: &str = "stopped";
/// App id of the version that holds the newest of their receipts.
pub(crate) const STOPPED_VERSION: &str = "stopped/version";
/// Other processes that may come first before one gives up.
const OVERTAKEN_MAX: u32 = 20;

/// Whether a table's state says that its dataset stands still.
pub(crate) fn is_stopped(state: &TableState) -> bool {
    state.txns.get(STOPPED).is_some_and(|count| count % 2 == 1)
}

impl Dataset {
    /// What is recorded of this dataset's stops, read afresh.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn standing(&self) -> Result<Standing, Error> {
        let state = self.changes.refresh().await?;
        self.standing_at(&state).await
    }

    pub(crate) async fn standing_at(&self, state: &TableState) -> Result<Standing, Error> {
        if !state.txns.contains_key(STOPPED) {
            return Ok(Standing::default());
        }
        let receipt = match state.txns.get(STOPPED_VERSION) {
            Some(&version) => self.receipt_of(version).await?,
            None => Value::Null,
        };
        let name = &self.contract.dataset;
        let stop = is_stopped(state).then(|| {
            let told = receipt.get("stop").and_then(|stop| from_json(name, stop));
            told.unwrap_or_else(|| Stop::unknown(Arc::clone(name)))
        });
        Ok(Standing { stop, admitted: admitted(&receipt) })
    }

    /// Null when the log was cleaned past that version.
    async fn receipt_of(&self, version: i64) -> Result<Value, Error> {
        let table = &self.changes;
        let Some(text) = read_commit(table.store().as_ref(), table.path(), version).await? else {
            return Ok(Value::Null);
        };
        let mut state = TableState::default();
        state.apply(version, &text)?;
        let info = state.last_commit.unwrap_or(Value::Null);
        Ok(info.get("huiliu").cloned().unwrap_or(Value::Null))
    }

    /// Records that the dataset stopped; one that stands still already is left as it is.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn stop(&self, stop: &Stop) -> Result<(), Error> {
        for _ in 0..OVERTAKEN_MAX {
            let state = self.changes.refresh().await?;
            if is_stopped(&state) {
                return Ok(());
            }
            let held = self.standing_at(&state).await?.admitted;
            let receipt = json!({"stop": to_json(stop), "admitted": admitted_json(&held)});
            match self.count("STOP", &state, receipt).await {
                Err(e) if e.kind == ErrorKind::Superseded => {}
                other => return other,
            }
        }
        Err(self.contested())
    }

    /// Lets a stopped dataset go on, and says what stood; none when it did not stand still.
    ///
    /// A drift that stopped it is admitted: it stops the dataset no more. `why` is kept with the
    /// commit. With `dry_run` nothing is written.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn resolve(&self, why: &str, dry_run: bool) -> Result<Option<Stop>, Error> {
        for _ in 0..OVERTAKEN_MAX {
            let state = self.changes.refresh().await?;
            let Standing { stop, mut admitted } = self.standing_at(&state).await?;
            let Some(stop) = stop else { return Ok(None) };
            if dry_run {
                return Ok(Some(stop));
            }
            if let (StopReason::Drift(kind), Some(field)) = (stop.reason, &stop.field) {
                admitted.insert((kind, field.clone()));
            }
            let receipt = json!({
                "resolve": {"why": why, "stop": to_json(&stop)},
                "admitted": admitted_json(&admitted),
            });
            match self.count("RESOLVE", &state, receipt).await {
                Err(e) if e.kind == ErrorKind::Superseded => {}
                Err(e) => return Err(e),
                Ok(()) => return Ok(Some(stop)),
            }
        }
        Err(self.contested())
    }

    async fn count(
        &self,
        operation: &'static str,
        state: &TableState,
        receipt: Value,
    ) -> Result<(), Error> {
        let from = state.txns.get(STOPPED).copied();
        let to = from.unwrap_or(0) + 1;
        let commit = Commit {
            operation,
            progress: vec![Step { app_id: STOPPED.to_owned(), from, to, or_nothing: false }],
            receipt,
            version_mark: Some(STOPPED_VERSION),
            ..Commit::default()
        };
        self.changes.commit(&commit).await.map(|_| ())
    }

    fn contested(&self) -> Error {
        let name = &self.contract.dataset;
        let text = format!("dataset `{name}` is stopped and resolved again and again");
        Error::new(ErrorKind::Superseded, text).help("find who else does it; then try again")
    }
}

fn to_json(stop: &Stop) -> Value {
    json!({
        "reason": stop.reason.label(),
        "count": stop.count,
        "window": stop.window,
        "limit": stop.limit,
        "share": stop.share(),
        "reasons": stop.reasons,
        "field": stop.field,
        "at": stop.at,
        "at_ms": stop.at_ms,
    })
}

fn from_json(dataset: &Arc<str>, value: &Value) -> Option<Stop> {
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    let of = |name: &str| value.get(name).cloned().unwrap_or(Value::Null);
    Some(Stop {
        dataset: Arc::clone(dataset),
        reason: StopReason::of_label(value.get("reason")?.as_str()?),
        count: number("count")?,
        window: number("window")?,
        limit: value.get("limit")?.as_f64()?,
        reasons: serde_json::from_value(of("reasons")).ok()?,
        field: serde_json::from_value(of("field")).ok()?,
        at: serde_json::from_value(of("at")).ok()?,
        at_ms: value.get("at_ms")?.as_i64()?,
    })
}

fn admitted_json(admitted: &BTreeSet<(DriftKind, String)>) -> Value {
    admitted.iter().map(|(kind, field)| json!([kind.label(), field])).collect()
}

fn admitted(receipt: &Value) -> BTreeSet<(DriftKind, String)> {
    let pairs = receipt.get("admitted").cloned().unwrap_or(Value::Null);
    let pairs: Vec<(String, String)> = serde_json::from_value(pairs).unwrap_or_default();
    let known = |(kind, field): (String, String)| Some((DriftKind::of_label(&kind)?, field));
    pairs.into_iter().filter_map(known).collect()
}
