//! Logs in a directory: what another implementation reads of a checkpoint, and what becomes of
//! broken ones and of a table that was dropped.

use crate::landing::{batch, current, row};
use huiliu_lake::Lake;
use huiliu_model::port::Landing;
use huiliu_model::{Error, ErrorKind};
use huiliu_testkit::{HandClock, account_contract};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A lake in a directory, whose `changes` get a version for every row.
struct Logged {
    directory: tempfile::TempDir,
    clock: Arc<HandClock>,
}

impl Logged {
    fn new() -> Self {
        let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
        Self { directory: tempfile::tempdir().expect("a directory"), clock }
    }

    async fn open(&self) -> Result<Lake, Error> {
        let location = self.directory.path().to_string_lossy().into_owned();
        let contracts = [Arc::new(account_contract())];
        Lake::open(&location, &Default::default(), &contracts, false, self.clock.clone()).await
    }

    fn table(&self, table: &str) -> PathBuf {
        self.directory.path().join(table)
    }

    fn log(&self, name: &str) -> PathBuf {
        self.table("changes/account").join("_delta_log").join(name)
    }

    fn checkpoint(&self, version: i64) -> PathBuf {
        self.log(&format!("{version:020}.checkpoint.parquet"))
    }

    /// Takes the entries of these versions away, as when the log is cut.
    fn cut(&self, versions: std::ops::RangeInclusive<i64>) {
        for version in versions {
            fs::remove_file(self.log(&format!("{version:020}.json"))).expect("it is there");
        }
    }
}

async fn land(lake: &Lake, offsets: std::ops::Range<i64>) {
    for n in offsets {
        let row = row("c", "a", "x", n + 1, 0);
        lake.land(&batch(n..n + 1, &[row])).await.expect("it lands");
    }
}

async fn checkpointed(lake: &Lake) -> bool {
    let dataset = lake.dataset("account").expect("it is declared");
    dataset.changes.checkpoint_if_due(5).await.expect("it is written")
}

async fn seen(lake: &Lake) -> (i64, i64, i64) {
    let status = &lake.status().await.expect("it reads")[0];
    (status.changes_version, status.changes_rows, status.progress["feed.account/0"])
}

#[tokio::test]
async fn the_delta_kernel_reads_files_removals_and_progress_of_a_checkpoint_alone() {
    let logged = Logged::new();
    let lake = logged.open().await.expect("it opens");
    land(&lake, 0..4).await;
    let dataset = lake.dataset("account").expect("it is declared");
    // Each fold takes the file of the one before away.
    dataset.fold_all().await.expect("it folds");
    land(&lake, 4..6).await;
    dataset.fold_all().await.expect("it folds");
    for (name, files, app, recorded) in
        [("changes", 6, "feed.account/0", 6), ("current", 1, "fold", 6)]
    {
        let folder = logged.table(&format!("{name}/account"));
        let table = if name == "changes" { &dataset.changes } else { &dataset.current };
        assert!(table.checkpoint_if_due(1).await.expect("it is written"), "{name}");
        let version = table.refresh().await.expect("it reads").version;
        for version in 0..=version {
            let entry = folder.join(format!("_delta_log/{version:020}.json"));
            fs::remove_file(entry).expect("it is there");
        }
        let url = url::Url::from_directory_path(&folder).expect("a folder");
        let read = deltalake_core::open_table(url).await.expect("the kernel opens it");
        assert_eq!(read.version().map(|v| v as i64), Some(version), "{name}");
        assert_eq!(read.get_file_uris().expect("it is loaded").count(), files, "{name}");
        let state = read.snapshot().expect("it is loaded");
        let known = state.transaction_version(read.log_store().as_ref(), app).await;
        assert_eq!(known.expect("the kernel reads it"), Some(recorded), "{name}");
        let schema = state.schema();
        assert!(schema.fields().any(|field| field.name() == "account_no"), "{name}");
    }
    assert_eq!(current(&logged.open().await.expect("it opens")).await, ["a x"]);
}

#[tokio::test]
async fn a_broken_checkpoint_is_passed_over_for_the_one_before() {
    let logged = Logged::new();
    let lake = logged.open().await.expect("it opens");
    for to in [6, 12] {
        land(&lake, to - 6..to).await;
        assert!(checkpointed(&lake).await);
    }
    logged.cut(0..=5);
    let whole = fs::read(logged.checkpoint(12)).expect("it is there");
    for broken in [&whole[..whole.len() / 2], b"", b"PAR1PAR1PAR1"] {
        fs::write(logged.checkpoint(12), broken).expect("it is ours");
        let again = logged.open().await.expect("it opens");
        assert_eq!(seen(&again).await, (12, 12, 12), "{} bytes", broken.len());
    }
    // The hint is gone as well: a listing shows both.
    fs::remove_file(logged.log("_last_checkpoint")).expect("it is there");
    logged.cut(6..=6);
    assert_eq!(seen(&logged.open().await.expect("it opens")).await, (12, 12, 12));
}

#[tokio::test]
async fn a_log_of_broken_checkpoints_alone_is_no_missing_table() {
    let logged = Logged::new();
    let lake = logged.open().await.expect("it opens");
    land(&lake, 0..6).await;
    assert!(checkpointed(&lake).await);
    logged.cut(0..=6);
    fs::write(logged.checkpoint(6), "half").expect("it is ours");
    let error = logged.open().await.err().expect("the table must not be made anew");
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.message.contains("no checkpoint of `changes/account` is whole"), "{error}");
    assert!(!logged.log(&format!("{:020}.json", 0)).exists());
}

#[tokio::test]
async fn who_was_slow_neither_replaces_a_checkpoint_nor_leads_readers_back() {
    let logged = Logged::new();
    let (slow, quick) = (logged.open().await, logged.open().await);
    let (slow, quick) = (slow.expect("it opens"), quick.expect("it opens"));
    land(&slow, 0..6).await;
    land(&quick, 6..7).await;
    assert!(checkpointed(&quick).await);
    let before = fs::read(logged.checkpoint(7)).expect("it is there");
    assert!(checkpointed(&slow).await, "of version 6, which it knows");
    let hint = fs::read_to_string(logged.log("_last_checkpoint")).expect("it is there");
    assert!(hint.contains(r#""version":7"#), "{hint}");
    let third = logged.open().await.expect("it opens");
    assert_eq!(seen(&third).await, (7, 7, 7));
    assert_eq!(fs::read(logged.checkpoint(7)).expect("it is there"), before);
}

#[tokio::test]
async fn a_table_that_was_dropped_or_replaced_is_not_written_to() {
    for is_replaced in [false, true] {
        let logged = Logged::new();
        let lake = logged.open().await.expect("it opens");
        land(&lake, 0..3).await;
        fs::remove_dir_all(logged.table("changes/account")).expect("it is there");
        if is_replaced {
            let another = logged.open().await.expect("it makes the table anew");
            land(&another, 0..5).await;
        }
        logged.clock.advance(Duration::from_secs(61));
        let next = batch(3..4, &[row("c", "a", "x", 4, 0)]);
        let error = lake.land(&next).await.expect_err("that is another table, or none");
        assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
        let how = if is_replaced { "replaced" } else { "dropped" };
        assert!(error.message.contains(&format!("`changes/account` was {how}")), "{error}");
        assert_eq!(logged.log(&format!("{:020}.json", 4)).exists(), is_replaced);
        assert!(!logged.log(&format!("{:020}.json", 6)).exists());
    }
}
