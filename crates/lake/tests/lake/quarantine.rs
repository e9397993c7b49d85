//! Rejects read back and replayed: once, whatever dies in between and whoever else does the same.

use crate::lossy::{self, LossyStore};
use arrow::array::{
    ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, Schema};
use huiliu_lake::Lake;
use huiliu_lake::quarantine::{
    Action, Attempt, Coordinate, Entry, Outcome, Replay, Selection, State, StoredReject,
};
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Covers, ErrorKind, Partition, Quality, Tally, system};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// 2020-09-13, when the clock of these tests stands; records are of the day before.
const NOW_US: i64 = 1_600_000_000_000_000;
const DAY: i64 = 18_517;

async fn open(store: &Arc<LossyStore>) -> Lake {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let clock = Arc::new(HandClock::at(NOW_US));
    Lake::on_store(store, &[Arc::new(account_contract())], false, clock).await.expect("it opens")
}

fn partition() -> Partition {
    Partition::new("feed.account", 0)
}

/// Rows of `quarantine.account` for offsets of partition 0, each for one reason.
fn rejects(given: &[(i64, &str)]) -> RecordBatch {
    let text = |value: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(given.iter().map(|_| value)))
    };
    let time = |day: i64| -> ArrayRef {
        let micros = given.iter().map(|_| day * 86_400_000_000);
        Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
    };
    let raw: Vec<String> = given.iter().map(|(offset, _)| format!("raw {offset}")).collect();
    let columns: Vec<ArrayRef> = vec![
        text("feed.account"),
        Arc::new(Int32Array::from_iter_values(given.iter().map(|_| 0))),
        Arc::new(Int64Array::from_iter_values(given.iter().map(|(offset, _)| *offset))),
        time(DAY),
        time(DAY + 1),
        text("judge"),
        Arc::new(StringArray::from_iter_values(given.iter().map(|(_, reason)| *reason))),
        text("account_no"),
        text("text"),
        Arc::new(Int64Array::from(vec![None::<i64>; given.len()])),
        Arc::new(Int64Array::from_iter_values(given.iter().map(|_| 5))),
        text("00"),
        Arc::new(BinaryArray::from_iter_values(raw.iter().map(String::as_bytes))),
        Arc::new(StringArray::new_null(given.len())),
        text("11500000009275543X"),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(system::quarantine_fields())), columns)
        .expect("columns fit")
}

/// Offsets of partition 0: some as rows, some as rejects.
fn batch(range: std::ops::Range<i64>, rows: &[RowSpec<'_>], bad: &[(i64, &str)]) -> Batch {
    let (accepted, rejected) = (rows.len() as u64, bad.len() as u64);
    Batch {
        dataset: "account".into(),
        rows: if rows.is_empty() { Vec::new() } else { vec![change_rows(rows)] },
        rejects: if bad.is_empty() { Vec::new() } else { vec![rejects(bad)] },
        covers: Covers([(partition(), range)].into()),
        tally: Tally { accepted, rejected, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}

async fn land(lake: &Lake, range: std::ops::Range<i64>, rows: &[RowSpec<'_>], bad: &[(i64, &str)]) {
    lake.land(&batch(range, rows, bad)).await.expect("it lands");
}

fn row<'a>(op: &'a str, key: &'a str, status: &'a str, seq: i64, offset: i64) -> RowSpec<'a> {
    RowSpec { op, key, status, seq, offset, bucket: 0, day: DAY }
}

fn entry(offset: i64, outcome: Outcome) -> Entry {
    Entry {
        at_us: NOW_US,
        kafka_topic: "feed.account".into(),
        partition: 0,
        offset,
        action: Action::Replay,
        outcome,
        reason_before: Some("LENGTH".into()),
        reason_after: (outcome == Outcome::Rejected).then(|| "LENGTH".into()),
        field: None,
        value_before: None,
        value_after: None,
        raw_sm3: Some("00".into()),
        contract_sm3: Some("11".into()),
        changes_version: None,
        actor: "tester".into(),
        note: None,
    }
}

/// A replay in which each row's record passes, and `failing` offsets do not.
fn replay(rows: &[RowSpec<'_>], failing: &[i64]) -> Replay {
    let attempt = |offset, outcome, day: i64| Attempt {
        entries: vec![entry(offset, outcome)],
        kafka_time_us: day * 86_400_000_000,
    };
    let passing = rows.iter().map(|r| attempt(r.offset, Outcome::Accepted, r.day));
    let failing = failing.iter().map(|&offset| attempt(offset, Outcome::Rejected, DAY));
    Replay { rows: vec![change_rows(rows)], attempts: passing.chain(failing).collect() }
}

/// Answers of a query, cells joined by spaces.
async fn ask(lake: &Lake, sql: &str) -> Vec<String> {
    let ctx = lake.query_session(&[], 64 << 20).await.expect("it opens");
    let batches = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    let cell = |column: &ArrayRef, row: usize| match column.as_string_opt::<i32>() {
        Some(text) => text.value(row).to_owned(),
        None => column.as_primitive::<Int64Type>().value(row).to_string(),
    };
    let line = |batch: &RecordBatch, row: usize| {
        let cells: Vec<String> = batch.columns().iter().map(|c| cell(c, row)).collect();
        cells.join(" ")
    };
    batches
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(|row| line(b, row)).collect::<Vec<_>>())
        .collect()
}

async fn changes(lake: &Lake) -> Vec<String> {
    ask(lake, "SELECT account_no, sys_seq FROM changes.account ORDER BY sys_offset").await
}

async fn ledger(lake: &Lake) -> Vec<String> {
    let sql = "SELECT sys_offset, outcome, coalesce(changes_version, -1) FROM ledger.repairs \
               ORDER BY sys_offset, outcome";
    ask(lake, sql).await
}

async fn in_state(lake: &Lake, state: State) -> Vec<i64> {
    let rejects = lake.rejects("account").await.expect("they are read");
    let selection = Selection { state: Some(state), ..Selection::default() };
    let found = rejects.list(&selection).await.expect("they are listed");
    found.iter().map(|r| r.coordinate.offset).collect()
}

/// Offsets 0, 1 and 4 accepted, 2 and 3 rejected.
async fn prepared(store: &Arc<LossyStore>) -> Lake {
    let lake = open(store).await;
    let good = [row("c", "a", "1", 1, 0), row("c", "b", "1", 2, 1), row("u", "c", "new", 9, 4)];
    land(&lake, 0..5, &good, &[(2, "LENGTH"), (3, "CHARSET")]).await;
    lake
}

#[tokio::test]
async fn rejects_are_counted_and_found_by_what_is_asked() {
    let store = lossy::store();
    let lake = prepared(&store).await;
    land(&lake, 5..7, &[], &[(5, "LENGTH"), (6, "LENGTH")]).await;
    let all = lake.rejects("account").await.expect("they are read");
    let counts = all.counts(&Selection::default()).await.expect("they are counted");
    let told: Vec<(&str, i64, i64)> =
        counts.iter().map(|c| (c.reason.as_str(), c.open, c.newest_us)).collect();
    let day = (DAY + 1) * 86_400_000_000;
    assert_eq!(told, [("LENGTH", 3, day), ("CHARSET", 1, day)]);

    let found = async |selection: Selection| -> Vec<i64> {
        let found = all.list(&selection).await.expect("they are listed");
        found.iter().map(|r| r.coordinate.offset).collect()
    };
    let any = Selection::default;
    assert_eq!(found(any()).await, [2, 3, 5, 6]);
    assert_eq!(found(Selection { reasons: vec!["CHARSET".into()], ..any() }).await, [3]);
    assert_eq!(found(Selection { field: Some("no'such".into()), ..any() }).await, [0i64; 0]);
    assert_eq!(found(Selection { since_us: Some(day + 1), ..any() }).await, [0i64; 0]);
    let by = |name: &str| Selection { department: Some(name.into()), ..any() };
    assert_eq!(found(by("11500000009275543X")).await, [2, 3, 5, 6]);
    assert_eq!(found(by("nobody")).await, [0i64; 0]);
    let at = |offset| Coordinate { partition: partition(), offset };
    assert_eq!(found(Selection { after: Some(at(3)), limit: Some(1), ..any() }).await, [5]);
    assert_eq!(found(Selection { coordinates: Some(vec![at(6), at(99)]), ..any() }).await, [6]);

    let mut some: Vec<StoredReject> = all.list(&any()).await.expect("they are listed");
    all.load_raw(&mut some).await.expect("they are read");
    let raw: Vec<Option<&[u8]>> = some.iter().map(|r| r.raw.as_deref()).collect();
    let expected = [&b"raw 2"[..], b"raw 3", b"raw 5", b"raw 6"].map(Some);
    assert_eq!(raw, expected);
}

#[tokio::test]
async fn a_replay_brings_rows_back_once_and_says_so_in_the_ledger() {
    let store = lossy::store();
    let lake = prepared(&store).await;
    let again = replay(&[row("c", "x", "1", 3, 2)], &[3]);
    let done = lake.replay("account", &again, false).await.expect("it is written");
    assert_eq!((done.count(Outcome::Accepted), done.count(Outcome::Rejected)), (1, 1));
    assert_eq!(done.changes_version, Some(2));
    assert_eq!(changes(&lake).await, ["a 1", "b 2", "x 3", "c 9"]);
    assert_eq!(ledger(&lake).await, ["2 accepted 2", "3 rejected -1"]);
    assert_eq!(in_state(&lake, State::Open).await, [3]);
    assert_eq!(in_state(&lake, State::Repaired).await, [2]);
    // Kafka's progress is where it was, and nothing else looks like progress.
    let status = lake.status().await.expect("it reads");
    assert_eq!(status[0].progress, [("feed.account/0".to_owned(), 5)].into());

    let twice = lake.replay("account", &again, false).await.expect("it looks");
    assert_eq!((twice.count(Outcome::Already), twice.changes_version), (1, None));
    assert_eq!(changes(&lake).await.len(), 4);
    assert_eq!(ledger(&lake).await.len(), 2, "nothing new is told");
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let store = lossy::store();
    let lake = prepared(&store).await;
    let again = replay(&[row("c", "x", "1", 3, 2), row("c", "b", "1", 2, 1)], &[3]);
    let done = lake.replay("account", &again, true).await.expect("it looks");
    let counts = Outcome::ALL.map(|outcome| done.count(outcome));
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(changes(&lake).await.len(), 3);
    assert!(lake.existing_ledger("repairs").await.expect("it looks").is_none());
}

#[tokio::test]
async fn who_dies_between_the_commits_loses_no_entry_and_doubles_no_row() {
    let store = lossy::store();
    let dying = prepared(&store).await;
    let again = replay(&[row("c", "x", "1", 3, 2)], &[3]);
    dying.commit_replay("account", &again).await.expect("the first commit");
    drop(dying);
    let next = open(&store).await;
    assert_eq!(in_state(&next, State::Open).await, [2, 3], "the ledger does not know yet");
    // The next replay may even be the same one, chosen before the ledger was brought up.
    next.replay("account", &again, false).await.expect("it is settled");
    assert_eq!(changes(&next).await.len(), 4);
    assert_eq!(ledger(&next).await, ["2 accepted 2", "3 rejected -1"]);
    assert_eq!(next.settle_repairs("account").await.expect("it looks"), 0);
}

#[tokio::test]
async fn an_answer_lost_at_any_commit_changes_nothing() {
    for lost in 0..4 {
        let store = lossy::store();
        let lake = prepared(&store).await;
        let again = replay(&[row("c", "x", "1", 3, 2)], &[3]);
        store.lose_answers.store(lost, Ordering::SeqCst);
        lake.replay("account", &again, false).await.ok();
        store.lose_answers.store(0, Ordering::SeqCst);
        lake.replay("account", &again, false).await.expect("it goes on");
        assert_eq!(changes(&lake).await.len(), 4, "{lost} lost");
        assert_eq!(ledger(&lake).await, ["2 accepted 2", "3 rejected -1"], "{lost} lost");
    }
}

#[tokio::test]
async fn of_two_operators_at_once_each_row_is_written_by_one() {
    let store = lossy::store();
    let (one, two) = (prepared(&store).await, open(&store).await);
    let left = replay(&[row("c", "x", "1", 3, 2)], &[]);
    let both = replay(&[row("c", "x", "1", 3, 2), row("c", "y", "1", 4, 3)], &[]);
    let (a, b) =
        tokio::join!(one.replay("account", &left, false), two.replay("account", &both, false));
    a.expect("one is done");
    b.expect("the other is done");
    assert_eq!(changes(&one).await, ["a 1", "b 2", "x 3", "y 4", "c 9"]);
    let told = ledger(&one).await;
    let accepted: Vec<&String> = told.iter().filter(|line| line.contains("accepted")).collect();
    assert_eq!(accepted.len(), 2, "{told:?}");
}

#[tokio::test]
async fn a_replay_that_looked_too_early_is_superseded() {
    let store = lossy::store();
    let (one, two) = (prepared(&store).await, open(&store).await);
    // Both start from the counter at nothing; the second looks again and finds the row there.
    one.commit_replay("account", &replay(&[row("c", "x", "1", 3, 2)], &[])).await.expect("first");
    let late = two.commit_replay("account", &replay(&[row("c", "x", "1", 3, 2)], &[])).await;
    assert_eq!(late.expect("it looks first").changes_version, None);
    let turn = one.commit_replay("account", &replay(&[row("c", "y", "1", 4, 3)], &[])).await;
    assert_eq!(turn.expect("second").changes_version, Some(3));
    // Two commits of `changes` are unsettled now; both come into the ledger, in order.
    assert_eq!(two.settle_repairs("account").await.expect("it is settled"), 2);
    assert_eq!(ledger(&two).await, ["2 accepted 2", "3 accepted 3"]);
}

#[tokio::test]
async fn a_newer_state_survives_the_return_of_an_older_one() {
    let store = lossy::store();
    let lake = prepared(&store).await;
    let sql = "SELECT account_no, status FROM current.account ORDER BY account_no";
    // Key c stands at sequence 9; its reject was of sequence 4.
    let again = replay(&[row("u", "c", "old", 4, 3)], &[]);
    lake.replay("account", &again, false).await.expect("it is written");
    assert_eq!(ask(&lake, sql).await, ["a 1", "b 1", "c new"]);
    lake.dataset("account").expect("declared").fold_all().await.expect("it folds");
    assert_eq!(ask(&lake, sql).await, ["a 1", "b 1", "c new"]);
}

#[tokio::test]
async fn a_key_that_was_deleted_long_ago_is_not_brought_back_to_life() {
    let store = lossy::store();
    let lake = open(&store).await;
    let at = |op, key, seq, offset, day| RowSpec { day, ..row(op, key, "1", seq, offset) };
    let old = DAY - 90;
    let rows = [at("c", "a", 1, 0, old), at("d", "a", 5, 2, old + 1)];
    land(&lake, 0..3, &rows, &[(1, "LENGTH")]).await;
    // A change of today lets the fold forget the deletion.
    land(&lake, 3..4, &[at("c", "b", 6, 3, DAY)], &[]).await;
    let dataset = lake.dataset("account").expect("declared");
    dataset.fold_all().await.expect("it folds");
    assert_eq!(ask(&lake, "SELECT count(*) FROM deleted.account").await, ["0"]);

    let again = replay(&[at("u", "a", 3, 1, old)], &[]);
    let done = lake.replay("account", &again, false).await.expect("it looks");
    let why = done.entries[0].reason_after.as_deref();
    assert_eq!((done.entries[0].outcome, why), (Outcome::Rejected, Some("DELETED_SINCE")));
    dataset.fold_all().await.expect("it folds");
    assert_eq!(ask(&lake, "SELECT account_no FROM current.account").await, ["b"]);
    // After the deletion it is a new life.
    let later = replay(&[at("c", "a", 7, 1, old)], &[]);
    let done = lake.replay("account", &later, false).await.expect("it is written");
    assert_eq!(done.count(Outcome::Accepted), 1);
}

#[tokio::test]
async fn the_epoch_of_a_record_is_that_of_its_time() {
    let store = lossy::store();
    prepared(&store).await;
    let mut contract = account_contract();
    contract.epoch = 2;
    let shared: Arc<dyn ObjectStore> = Arc::clone(&store) as _;
    let clock = Arc::new(HandClock::at(NOW_US));
    let lake = Lake::on_store(shared, &[Arc::new(contract)], false, clock).await.expect("it opens");
    let dataset = lake.dataset("account").expect("declared");
    // All that was accepted so far is of epoch 0; a record from before belongs to it.
    let day = 86_400_000_000;
    let found = dataset.epochs_at(&[DAY * day, (DAY - 9) * day]).await.expect("it asks");
    assert_eq!(found, [0, 0]);
}

#[tokio::test]
async fn rejects_without_their_rows_are_not_written_again_after_a_reset() {
    let store = lossy::store();
    let lake = prepared(&store).await;
    let kept = "SELECT sys_offset FROM quarantine.account ORDER BY sys_offset";
    // Offsets 5 and 6 are missing: the rejects are written, the rows are not.
    let early = [row("c", "e", "1", 5, 7)];
    let overtaken = lake.land(&batch(7..9, &early, &[(8, "LENGTH")])).await;
    assert_eq!(overtaken.expect_err("5 is needed").kind, ErrorKind::Superseded);
    assert_eq!(ask(&lake, kept).await, ["2", "3", "8"]);
    let dataset = lake.dataset("account").expect("declared");
    dataset.reset_offset(&partition(), 7, "5 and 6 are gone", false).await.expect("it is set");
    land(&lake, 7..9, &early, &[(8, "LENGTH")]).await;
    assert_eq!(ask(&lake, kept).await, ["2", "3", "8"]);
    // The topic was made anew: what lies at 2 now is another record.
    dataset.reset_offset(&partition(), 0, "made anew", false).await.expect("it is set");
    let anew = [row("c", "f", "1", 6, 0), row("c", "g", "1", 7, 1)];
    land(&lake, 0..3, &anew, &[(2, "LENGTH")]).await;
    assert_eq!(ask(&lake, kept).await, ["2", "2", "3", "8"]);
}

#[tokio::test]
async fn dropped_rejects_are_marked_and_stay() {
    let store = lossy::store();
    let lake = prepared(&store).await;
    let dropped = Entry { action: Action::Drop, ..entry(3, Outcome::Accepted) };
    lake.note_repairs("account", &[dropped]).await.expect("it is written");
    assert_eq!(in_state(&lake, State::Dropped).await, [3]);
    assert_eq!(in_state(&lake, State::Open).await, [2]);
    let unknown = lake.rejects("nobody").await.err().expect("it is not declared");
    assert_eq!(unknown.kind, ErrorKind::Bug);
}

/// The schema of `quarantine.account` as a version of its log has it.
async fn logged_schema(store: &Arc<LossyStore>, version: i64) -> serde_json::Value {
    let text = log_text(store, version).await;
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line));
    let metadata = lines.flatten().find_map(|line| line.get("metaData").cloned());
    let schema = metadata.expect("the version has metadata")["schemaString"].clone();
    serde_json::from_str(schema.as_str().expect("a text")).expect("a schema")
}

fn log_path(version: i64) -> object_store::path::Path {
    format!("quarantine/account/_delta_log/{version:020}.json").into()
}

async fn log_text(store: &Arc<LossyStore>, version: i64) -> String {
    let got = store.get(&log_path(version)).await.expect("it is there");
    String::from_utf8(got.bytes().await.expect("it is read").to_vec()).expect("JSON")
}

/// Makes the table what programs made that always had a digest: its column was never null.
async fn make_old(store: &Arc<LossyStore>) {
    let text = log_text(store, 0).await;
    let schema = logged_schema(store, 0).await.to_string();
    let (mut old, mut count) = (logged_schema(store, 0).await, 0);
    for field in old["fields"].as_array_mut().expect("fields") {
        if field["name"] == "raw_sm3" {
            field["nullable"] = false.into();
            count += 1;
        }
    }
    assert_eq!(count, 1);
    let quoted = |text: String| serde_json::Value::String(text).to_string();
    assert!(text.contains(&quoted(schema.clone())), "the log has it as it was parsed");
    let text = text.replace(&quoted(schema), &quoted(old.to_string()));
    store.put(&log_path(0), text.into()).await.expect("it is written");
}

/// A reject with another digest, in a file of the old or the new schema.
fn digested(offset: i64, digest: Option<&str>, nullable: bool) -> Batch {
    let rejects = rejects(&[(offset, "LENGTH")]);
    let at = rejects.schema().index_of("raw_sm3").expect("there is one");
    let mut fields: Vec<_> = rejects.schema().fields().iter().map(|f| (**f).clone()).collect();
    fields[at] = fields[at].clone().with_nullable(nullable);
    let mut columns = rejects.columns().to_vec();
    columns[at] = Arc::new(StringArray::from(vec![digest]));
    let rejects = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    Batch {
        rejects: vec![rejects.expect("columns fit")],
        ..batch(offset..offset + 1, &[], &[(offset, "LENGTH")])
    }
}

#[tokio::test]
async fn a_table_whose_digests_were_never_null_takes_records_that_say_their_own() {
    let store = lossy::store();
    let before = open(&store).await;
    make_old(&store).await;
    let digest = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
    before.land(&digested(0, Some(digest), false)).await.expect("it lands");

    let lake = open(&store).await;
    let nullable = |schema: &serde_json::Value| {
        let fields = schema["fields"].as_array().expect("fields").iter();
        let nullable = fields.filter(|field| field["nullable"] == true);
        nullable.map(|f| f["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let (old, new) = (logged_schema(&store, 0).await, logged_schema(&store, 2).await);
    let others = ["field", "rule", "at_byte", "raw", "raw_key_id", "sys_department"];
    assert_eq!(nullable(&old), others);
    let mut with_digest = others.to_vec();
    with_digest.insert(3, "raw_sm3");
    assert_eq!(nullable(&new), with_digest);

    lake.land(&digested(1, None, true)).await.expect("it lands");
    let told =
        ask(&lake, "SELECT sys_offset, coalesce(raw_sm3, '-') FROM quarantine.account ORDER BY 1");
    assert_eq!(told.await, [format!("0 {digest}"), "1 -".to_owned()]);
    let rejects = lake.rejects("account").await.expect("they are read");
    let mut some = rejects.list(&Selection::default()).await.expect("they are listed");
    let digests = |some: &[StoredReject]| some.iter().map(StoredReject::digest).collect::<Vec<_>>();
    assert_eq!(digests(&some), [Some(digest.to_owned()), None]);
    rejects.load_raw(&mut some).await.expect("they are read");
    // A digest that is there stays what it is; `printf 'raw 1' | openssl dgst -sm3`.
    assert_eq!(
        digests(&some),
        [
            Some(digest.to_owned()),
            Some("0b79433914cc6c84177eba136b9f54db6489dce84b27658449582ba918702085".to_owned())
        ]
    );

    // Opened again there is nothing left to say.
    open(&store).await;
    assert!(store.get(&log_path(4)).await.is_err(), "no further version");
}
