//! Replaying a log into the actions of a checkpoint.

use crate::log::action::{Add, Line, MetaData, Protocol, Remove, Txn, lines};
use crate::log::checkpoint::WHOLE;
use crate::log::reader::{newest_whole, read_commit};
use huiliu_model::{Error, ErrorKind};
use object_store::ObjectStore;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a removed file is remembered, for who sweeps by the log: Delta's default of
/// `delta.deletedFileRetentionDuration`, a week.
const REMEMBERED_MS: i64 = 7 * 86_400_000;

/// All actions that hold at `version`, from the newest whole checkpoint before it; removed files
/// that nobody needs to remember at `now_ms` are left out.
///
/// # Errors
/// As the store answers; `Unavailable` where the log lacks a version, as it does once it is cut.
pub(super) async fn replay(
    store: &Arc<dyn ObjectStore>,
    table: &Path,
    version: i64,
    now_ms: i64,
) -> Result<Vec<Line>, Error> {
    let mut replayed = Replayed::default();
    let mut next = 0;
    if let Some((at, lines)) = newest_whole(store, table, version, &WHOLE).await? {
        lines.into_iter().for_each(|line| replayed.apply(line));
        next = at + 1;
    }
    for version in next..=version {
        let Some(text) = read_commit(store.as_ref(), table, version).await? else {
            let message = format!("the log of `{table}` has version {version} no more");
            return Err(Error::new(ErrorKind::Unavailable, message)
                .help("another process cut it meanwhile; the next round begins behind that"));
        };
        let place = format!("log version {version}");
        lines(&text, &place)?.into_iter().for_each(|line| replayed.apply(line));
    }
    Ok(replayed.into_lines(now_ms - REMEMBERED_MS))
}

#[derive(Default)]
struct Replayed {
    protocol: Option<Protocol>,
    meta_data: Option<MetaData>,
    txns: BTreeMap<String, Txn>,
    adds: BTreeMap<String, Add>,
    removes: BTreeMap<String, Remove>,
}

impl Replayed {
    fn apply(&mut self, line: Line) {
        self.protocol = line.protocol.or(self.protocol.take());
        self.meta_data = line.meta_data.or(self.meta_data.take());
        if let Some(txn) = line.txn {
            self.txns.insert(txn.app_id.clone(), txn);
        }
        if let Some(remove) = line.remove {
            self.adds.remove(&remove.path);
            self.removes.insert(remove.path.clone(), remove);
        }
        if let Some(add) = line.add {
            self.removes.remove(&add.path);
            self.adds.insert(add.path.clone(), add);
        }
    }

    /// Nothing of a checkpoint is a change of data.
    fn into_lines(self, since_ms: i64) -> Vec<Line> {
        let still = |remove: &Remove| remove.deletion_timestamp.is_some_and(|at| at >= since_ms);
        let protocol = Line { protocol: self.protocol, ..Line::default() };
        let meta_data = Line { meta_data: self.meta_data, ..Line::default() };
        let txns = self.txns.into_values().map(|txn| Line { txn: Some(txn), ..Line::default() });
        let adds = self.adds.into_values().map(|add| Add { data_change: false, ..add });
        let adds = adds.map(|add| Line { add: Some(add), ..Line::default() });
        let removes = self.removes.into_values().filter(still);
        let removes = removes.map(|remove| Remove { data_change: false, ..remove });
        let removes = removes.map(|remove| Line { remove: Some(remove), ..Line::default() });
        [protocol, meta_data].into_iter().chain(txns).chain(adds).chain(removes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(text: &str, now_ms: i64) -> Vec<String> {
        let mut replayed = Replayed::default();
        lines(text.as_bytes(), "a test").expect("actions").into_iter().for_each(|line| {
            replayed.apply(line);
        });
        let left = replayed.into_lines(now_ms - REMEMBERED_MS).into_iter().skip(2);
        left.map(|line| serde_json::to_string(&line).expect("text")).collect()
    }

    #[test]
    fn what_was_removed_is_remembered_for_a_week_and_what_came_back_is_live() {
        let added = |path: &str, changes_data: bool| {
            let size = r#""partitionValues":{"d":null},"size":1,"modificationTime":2"#;
            format!(r#"{{"add":{{"path":"{path}",{size},"dataChange":{changes_data}}}}}"#)
        };
        let add = |path: &str| added(path, true);
        let remove = |path: &str, at: i64| {
            format!(
                r#"{{"remove":{{"path":"{path}","deletionTimestamp":{at},"dataChange":true}}}}"#
            )
        };
        let txn = |version: i64| format!(r#"{{"txn":{{"appId":"a","version":{version}}}}}"#);
        let day = 86_400_000;
        let log = [
            add("one"),
            add("two"),
            add("three"),
            txn(1),
            remove("one", 0),
            remove("two", day),
            remove("three", day),
            add("three"),
            txn(2),
        ];
        let left = actions(&log.join("\n"), 8 * day - 1);
        assert_eq!(left.len(), 3, "{left:?}");
        assert_eq!(left[0], r#"{"txn":{"appId":"a","version":2}}"#);
        assert_eq!(left[1], added("three", false));
        assert!(left[2].starts_with(r#"{"remove":{"path":"two","deletionTimestamp":86400000,"#));
    }
}
