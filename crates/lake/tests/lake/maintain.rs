//! Maintenance on a lake in a directory whose files can be made older than they are.

use arrow::util::pretty::pretty_format_batches;
use huiliu_lake::maintain::{Bounds, Upkeep};
use huiliu_lake::{Add, Commit, Lake};
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, ErrorKind, Partition, Quality, Tally};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
/// 2020-09-13T12:26:40Z.
const BEGIN_US: i64 = 1_600_000_000_000_000;

/// A lake that can grow old.
struct Old {
    directory: tempfile::TempDir,
    clock: Arc<HandClock>,
}

impl Old {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { directory, clock: Arc::new(HandClock::at(BEGIN_US)) }
    }

    async fn open(&self) -> Lake {
        let location = self.directory.path().to_string_lossy().into_owned();
        let contracts = [Arc::new(account_contract())];
        let lake =
            Lake::open(&location, &BTreeMap::new(), &contracts, false, self.clock.clone()).await;
        lake.expect("it opens")
    }

    /// Lets time pass for the processes and for every file that is there.
    fn pass(&self, hours: u32) {
        self.clock.advance(hours * HOUR);
        for path in self.files() {
            let file = File::options().write(true).open(&path).expect("it is there");
            let modified = file.metadata().and_then(|m| m.modified()).expect("it has a time");
            let times = FileTimes::new().set_modified(modified - hours * HOUR);
            file.set_times(times).expect("it is ours");
        }
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.directory.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    // What asks the store for the time belongs to no table.
                    true if path.ends_with("_huiliu") => {}
                    true => folders.push(path),
                    false => drop(found.insert(path)),
                }
            }
        }
        found
    }

    fn count(&self, table: &str, end: &str) -> usize {
        let folder = self.directory.path().join(table);
        let in_log = |path: &Path| path.parent().is_some_and(|p| p.ends_with("_delta_log"));
        let wanted = |path: &&PathBuf| {
            path.starts_with(&folder)
                && path.to_string_lossy().ends_with(end)
                && in_log(path) == (end != ".parquet")
        };
        self.files().iter().filter(wanted).count()
    }
}

async fn maintain(lake: &Lake, name: &str, term: Option<u64>) -> Upkeep {
    let targets = lake.maintained().await.expect("it lists");
    let target = targets.iter().find(|target| target.name == name).expect("it is there");
    lake.maintain(target, &Bounds::default(), term).await.expect("it is maintained")
}

fn batch(range: std::ops::Range<i64>, rows: &[RowSpec<'_>]) -> Batch {
    let count = u64::try_from(range.end - range.start).expect("a range");
    Batch {
        dataset: "account".into(),
        rows: vec![change_rows(rows)],
        rejects: Vec::new(),
        covers: Covers([(Partition::new("feed.account", 0), range)].into()),
        tally: Tally { accepted: count, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}

fn row<'a>(op: &'a str, key: &'a str, status: &'a str, seq: i64) -> RowSpec<'a> {
    let bucket = i32::from(key.as_bytes()[0] % 2);
    RowSpec { op, key, status, seq, offset: seq, bucket, day: 18_000 }
}

/// Lands one change per commit, of keys `a` to `e`; its offsets are its sequences.
async fn land(lake: &Lake, offsets: std::ops::Range<i64>) {
    for seq in offsets {
        let key = ["a", "b", "c", "d", "e"][usize::try_from(seq % 5).expect("small")];
        let status = format!("s{seq}");
        let rows = [row("u", key, &status, seq)];
        lake.land(&batch(seq..seq + 1, &rows)).await.expect("it lands");
    }
}

async fn ask(lake: &Lake, sql: &str) -> String {
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let rows = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    pretty_format_batches(&rows).expect("printable").to_string()
}

/// Everything that `changes` holds, in one order.
async fn history(lake: &Lake) -> String {
    ask(lake, "SELECT * FROM changes.account ORDER BY sys_offset").await
}

async fn current(lake: &Lake) -> String {
    ask(lake, "SELECT account_no, status FROM current.account ORDER BY account_no").await
}

#[tokio::test]
async fn joining_keeps_every_row_and_leaves_what_is_not_folded() {
    let old = Old::new();
    let lake = old.open().await;
    let dataset = lake.dataset("account").expect("declared");
    land(&lake, 0..12).await;
    dataset.fold_all().await.expect("it folds");
    land(&lake, 12..20).await;
    let (before, rows) = (history(&lake).await, current(&lake).await);
    let pinned = lake.pin(&["account"]).await.expect("it pins").remove(0).versions();

    let done = maintain(&lake, "changes.account", Some(1)).await;
    assert_eq!((done.compacted.files_before, done.compacted.files_after), (12, 1));
    assert_eq!((done.compacted.rows, done.swept.files), (12, 0));
    assert_eq!(history(&lake).await, before);
    assert_eq!(current(&lake).await, rows);
    let status = &lake.status().await.expect("it reads")[0];
    assert_eq!((status.changes_rows, status.pending_rows), (20, 8));

    let now = lake.pin(&["account"]).await.expect("it pins").remove(0);
    let changed = now.changed_since(pinned.changes).await.expect("it reads").expect("it tells");
    assert!(changed.is_empty(), "joining is no change");
    assert!(now.earlier(pinned).await.expect("it reads").is_some());
    assert_eq!(dataset.fold_all().await.expect("it folds").changes, 8);
    assert_eq!(current(&old.open().await).await, rows);
    let done = maintain(&lake, "changes.account", Some(1)).await;
    assert_eq!(done.compacted.files_before, 9, "the joined one does not outweigh eight");
    assert!(maintain(&lake, "changes.account", Some(1)).await.is_nothing());
}

#[tokio::test]
async fn a_removed_file_stays_for_readers_and_then_goes_and_no_live_one_does() {
    let old = Old::new();
    let lake = old.open().await;
    let dataset = lake.dataset("account").expect("declared");
    land(&lake, 0..10).await;
    dataset.fold_all().await.expect("it folds");
    let pinned = lake.pin(&["account"]).await.expect("it pins").remove(0).versions();
    land(&lake, 10..20).await;
    dataset.fold_all().await.expect("it folds");
    maintain(&lake, "changes.account", Some(1)).await;
    let rows = (history(&lake).await, current(&lake).await);
    assert_eq!(old.count("current/account", ".parquet"), 4, "two buckets, folded twice");

    // A day of versions, six hours of reading, twelve of committing, one of wrong clocks.
    old.pass(42);
    for table in ["changes.account", "current.account"] {
        assert_eq!(maintain(&lake, table, Some(1)).await.swept.files, 0, "{table}");
    }
    let now = lake.pin(&["account"]).await.expect("it pins").remove(0);
    assert!(now.earlier(pinned).await.expect("it reads").is_some());

    old.pass(2);
    let swept = maintain(&lake, "changes.account", Some(1)).await;
    assert_eq!((swept.swept.files, swept.unreachable.is_empty()), (20, false));
    assert_eq!(maintain(&lake, "current.account", Some(1)).await.swept.files, 2);
    assert_eq!(old.count("changes/account", ".parquet"), 1);
    assert_eq!(old.count("current/account", ".parquet"), 2);
    let again = old.open().await;
    assert_eq!((history(&again).await, current(&again).await), rows);
    let now = again.pin(&["account"]).await.expect("it pins").remove(0);
    assert!(now.earlier(pinned).await.expect("it reads").is_none(), "that version is not kept");
}

#[tokio::test]
async fn what_a_dead_process_staged_goes_and_what_we_cannot_name_stays() {
    let old = Old::new();
    let lake = old.open().await;
    land(&lake, 0..1).await;
    let folder = old.directory.path().join("changes/account");
    fs::write(folder.join("part-orphan.zstd.parquet"), b"torn").expect("it writes");
    fs::write(folder.join("notes.txt"), b"of a person").expect("it writes");
    old.pass(42);
    assert_eq!(maintain(&lake, "changes.account", Some(1)).await.swept.files, 0);
    old.pass(2);
    let done = maintain(&lake, "changes.account", Some(1)).await;
    assert_eq!((done.swept.files, done.swept.bytes), (1, 4));
    assert!(!folder.join("part-orphan.zstd.parquet").exists());
    assert!(folder.join("notes.txt").exists());
    assert_eq!(old.count("changes/account", ".parquet"), 1);
}

#[tokio::test]
async fn a_file_staged_before_a_long_sleep_cannot_be_committed() {
    let old = Old::new();
    let lake = old.open().await;
    let dataset = lake.dataset("account").expect("declared");
    let add = Add {
        path: "part-slept.zstd.parquet".to_owned(),
        partition_values: BTreeMap::new(),
        size: 1,
        modification_time: BEGIN_US / 1_000,
        data_change: true,
        stats: None,
    };
    let commit = Commit { operation: "WRITE", adds: vec![add], ..Commit::default() };
    old.pass(13);
    let error = dataset.changes.commit(&commit).await.expect_err("it may have been swept");
    assert_eq!(error.kind, ErrorKind::Superseded);
    assert!(error.message.contains("staged more than 12 hours ago"), "{error}");
    assert_eq!(dataset.changes.refresh().await.expect("it reads").version, 0);
}

#[tokio::test]
async fn changes_are_dropped_when_they_are_older_than_the_contract_keeps_them() {
    let old = Old::new();
    let lake = old.open().await;
    let dataset = lake.dataset("account").expect("declared");
    land(&lake, 0..5).await;
    old.pass(401 * 24);
    land(&lake, 5..7).await;
    assert_eq!(maintain(&lake, "changes.account", Some(1)).await.dropped.files, 0, "not folded");
    dataset.fold_all().await.expect("it folds");
    let rows = current(&lake).await;
    let done = maintain(&lake, "changes.account", Some(1)).await;
    assert_eq!((done.dropped.files, done.dropped.rows), (5, 5));
    assert_eq!(lake.status().await.expect("it reads")[0].changes_rows, 2);
    assert_eq!(current(&old.open().await).await, rows, "the newest rows stay");
}

#[tokio::test]
async fn the_log_is_cut_only_behind_what_is_posted_and_a_cut_log_opens_without_its_hint() {
    let old = Old::new();
    let lake = old.open().await;
    let dataset = lake.dataset("account").expect("declared");
    land(&lake, 0..60).await;
    dataset.fold_all().await.expect("it folds");
    assert_eq!(lake.checkpoint(50).await, 1);
    land(&lake, 60..62).await;
    dataset.fold_all().await.expect("it folds");
    old.pass(8 * 24);
    let done = maintain(&lake, "changes.account", Some(1)).await;
    assert_eq!(done.cleaned.files, 0, "the ledger has not read it");

    lake.post_ledger().await.expect("it posts");
    let receipts = ask(&lake, "SELECT count(*), sum(accepted) FROM ledger.receipts").await;
    let done = maintain(&lake, "changes.account", Some(1)).await;
    // The checkpoint is of version 60; its own entry stays.
    assert_eq!(done.cleaned.files, 60);
    assert_eq!(maintain(&lake, "changes.account", Some(1)).await.cleaned.files, 0);
    let (rows, version) = (history(&lake).await, lake.status().await.expect("it reads")[0].clone());
    for hint in [true, false] {
        if !hint {
            let log = old.directory.path().join("changes/account/_delta_log");
            fs::remove_file(log.join("_last_checkpoint")).expect("it is there");
        }
        let again = old.open().await;
        assert_eq!(history(&again).await, rows, "hint: {hint}");
        let status = &again.status().await.expect("it reads")[0];
        assert_eq!(status.changes_version, version.changes_version);
        assert_eq!(status.progress, version.progress);
        again.post_ledger().await.expect("it posts");
        let sql = "SELECT count(*), sum(accepted) FROM ledger.receipts";
        assert_eq!(ask(&again, sql).await, receipts, "posted once");
    }
    land(&old.open().await, 62..63).await;
}

#[tokio::test]
async fn a_process_that_idled_while_the_log_was_cut_reads_the_table_anew() {
    let old = Old::new();
    let (idle, lake) = (old.open().await, old.open().await);
    land(&lake, 0..60).await;
    lake.dataset("account").expect("declared").fold_all().await.expect("it folds");
    lake.checkpoint(50).await;
    lake.post_ledger().await.expect("it posts");
    old.pass(8 * 24);
    assert_eq!(maintain(&lake, "changes.account", Some(1)).await.cleaned.files, 60);
    // It knows version 0; version 1 is free in the store, and is not to be written.
    let error = idle.land(&batch(0..1, &[row("u", "a", "x", 0)])).await.expect_err("it is taken");
    assert_eq!(error.kind, ErrorKind::Superseded);
    land(&idle, 60..61).await;
    let status = &old.open().await.status().await.expect("it reads")[0];
    assert_eq!((status.changes_rows, status.progress["feed.account/0"]), (61, 61));
}

#[tokio::test]
async fn a_dry_run_says_what_a_round_does_and_changes_nothing() {
    let old = Old::new();
    let lake = old.open().await;
    let dataset = lake.dataset("account").expect("declared");
    land(&lake, 0..60).await;
    dataset.fold_all().await.expect("it folds");
    lake.checkpoint(50).await;
    lake.post_ledger().await.expect("it posts");
    land(&lake, 60..64).await;
    dataset.fold_all().await.expect("it folds");
    old.pass(8 * 24);
    for table in ["changes.account", "current.account", "ledger.receipts"] {
        let files = old.files();
        let mut said = maintain(&lake, table, None).await;
        assert_eq!(old.files(), files, "{table}");
        let did = maintain(&lake, table, Some(1)).await;
        said.compacted.bytes_after = did.compacted.bytes_after;
        assert_eq!(said, Upkeep { checkpointed: false, ..did }, "{table}");
    }
}

/// Any order of landing, folding, reading, opening and maintaining, by three processes.
#[tokio::test]
async fn whatever_comes_after_what_the_rows_are_those_of_a_map() {
    for seed in 0..2 {
        let old = Old::new();
        let lakes = [old.open().await, old.open().await, old.open().await];
        let (mut chance, mut state) = (Chance(seed), BTreeMap::new());
        let mut next = 0;
        for step in 0..40 {
            let lake = &lakes[chance.below(3)];
            match chance.below(6) {
                0..=2 => {
                    for _ in 0..chance.below(12) {
                        let key = ["a", "b", "c", "d", "e"][chance.below(5)];
                        let op = if chance.below(5) == 0 { "d" } else { "u" };
                        let status = format!("s{next}");
                        let rows = [row(op, key, &status, next)];
                        lake.land(&batch(next..next + 1, &rows)).await.expect("it lands");
                        match op {
                            "d" => drop(state.remove(key)),
                            _ => drop(state.insert(key, status)),
                        }
                        next += 1;
                    }
                }
                3 => {
                    let dataset = lake.dataset("account").expect("declared");
                    dataset.fold_all().await.expect("it folds");
                }
                4 => {
                    for table in ["changes", "quarantine", "current", "deleted"] {
                        maintain(lake, &format!("{table}.account"), Some(step)).await;
                    }
                }
                _ => old.pass([1, 20, 50][chance.below(3)]),
            }
            let lines: Vec<String> = state.iter().map(|(k, s)| format!("{k} {s}")).collect();
            let found = ask(
                lake,
                "SELECT account_no || ' ' || status AS r FROM current.account \
                                   ORDER BY account_no",
            )
            .await;
            let found: Vec<String> = found
                .lines()
                .filter(|line| line.starts_with("| ") && !line.contains("| r "))
                .map(|line| line.trim_matches(['|', ' ']).to_owned())
                .collect();
            assert_eq!(found, lines, "seed {seed}, step {step}");
            let status = &lake.status().await.expect("it reads")[0];
            assert_eq!(status.changes_rows, next, "seed {seed}, step {step}");
        }
    }
}

/// Knuth's linear congruential generator: the same seed, the same history.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end as u64).expect("small")
    }
}
