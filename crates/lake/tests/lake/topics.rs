//! Datasets of several Kafka topics: rows name theirs, and truncates, audits and replays go by it.

use crate::landing::{current, row};
use crate::lossy::{self, LossyStore};
use huiliu_lake::Lake;
use huiliu_lake::audit::Audited;
use huiliu_lake::quarantine::{Action, Attempt, Entry, Outcome, Replay};
use huiliu_model::port::Landing;
use huiliu_model::topics::TopicPattern;
use huiliu_model::{
    Batch, Contract, Covers, KafkaTopics, Partition, Quality, Tally, Truncate, system,
};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows_of};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

const EAST: &str = "feed.account.east";
const WEST: &str = "feed.account.west";
const DAY_US: i64 = 86_400_000_000;

/// The account contract, read from all topics that begin alike.
fn contract() -> Contract {
    let pattern = TopicPattern::parse("^feed\\.account(\\.[a-z]+)?$").expect("it is a pattern");
    Contract { kafka_topics: KafkaTopics::Matching(pattern), ..account_contract() }
}

async fn open(store: &Arc<LossyStore>, contract: Contract) -> Lake {
    let store: Arc<dyn ObjectStore> = Arc::clone(store) as _;
    let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
    Lake::on_store(store, &[Arc::new(contract)], false, clock).await.expect("it opens")
}

/// Rows of partition 0 of a topic, or, with `None`, rows that do not name the first of them.
fn batch(named: Option<&str>, range: Range<i64>, rows: &[RowSpec<'_>]) -> Batch {
    let partition = Partition::new(named.unwrap_or(EAST), 0);
    let rest = u64::try_from(range.end - range.start).expect("a range") - rows.len() as u64;
    Batch {
        dataset: "account".into(),
        rows: if rows.is_empty() { Vec::new() } else { vec![change_rows_of(named, rows)] },
        rejects: Vec::new(),
        covers: Covers([(partition, range)].into()),
        tally: Tally { accepted: rows.len() as u64, control: rest, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    }
}

/// A truncate of a topic at a sequence.
fn truncate(kafka_topic: &str, range: Range<i64>, seq: i64) -> Batch {
    let truncate = Truncate {
        kafka_topic: kafka_topic.into(),
        epoch: 0,
        seq,
        partition: 0,
        offset: range.start,
        kafka_time_us: 18_001 * DAY_US,
        event_time_us: None,
    };
    Batch { truncates: vec![truncate], ..batch(Some(kafka_topic), range, &[]) }
}

async fn land(lake: &Lake, batch: &Batch) {
    lake.land(batch).await.expect("it lands");
}

async fn fold(lake: &Lake) {
    lake.dataset("account").expect("it is declared").fold_all().await.expect("it folds");
}

/// What the receipt of a version of `changes` says.
async fn receipt(store: &LossyStore, version: i64) -> serde_json::Value {
    let path = Path::from(format!("changes/account/_delta_log/{version:020}.json"));
    let bytes = store.get(&path).await.expect("it is there").bytes().await.expect("it reads");
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut lines = lines.map(|line| serde_json::from_slice(line).expect("a line is JSON"));
    let info = lines.find_map(|line: serde_json::Value| line.get("commitInfo").cloned());
    info.expect("every version has one")["huiliu"].clone()
}

#[tokio::test]
async fn a_truncate_of_one_topic_takes_the_rows_of_that_topic() {
    let store = lossy::store();
    let lake = open(&store, contract()).await;
    let east = [row("c", "a", "e1", 1, 0), row("c", "b", "e2", 2, 1), row("c", "c", "e9", 9, 0)];
    land(&lake, &batch(Some(EAST), 0..3, &east)).await;
    // Of `b` the west has the last word, of `d` the only one.
    let west = [row("u", "b", "w3", 3, 1), row("c", "d", "w1", 1, 1)];
    land(&lake, &batch(Some(WEST), 0..2, &west)).await;
    fold(&lake).await;
    land(&lake, &batch(Some(EAST), 3..4, &[row("c", "e", "e4", 4, 0)])).await;
    land(&lake, &truncate(EAST, 4..5, 5)).await;
    let left = ["b w3", "c e9", "d w1"];
    assert_eq!(current(&lake).await, left);
    fold(&lake).await;
    assert_eq!(current(&lake).await, left);
    // One row of `current` is the east's and not later, and one that is pending.
    let said = &receipt(&store, 4).await["truncates"][0];
    assert_eq!((&said["kafka_topic"], &said["deletes"]), (&EAST.into(), &2.into()));
    // What comes late is gone if it is of the east, and counts if it is of the west.
    land(&lake, &batch(Some(EAST), 5..7, &[row("u", "b", "e5", 5, 1), row("c", "f", "e6", 6, 0)]))
        .await;
    land(&lake, &batch(Some(WEST), 2..3, &[row("c", "a", "w2", 2, 0)])).await;
    // Of `b` the east's 5 was the last word, and it is gone with all below it.
    let left = ["a w2", "c e9", "d w1", "f e6"];
    assert_eq!(current(&lake).await, left);
    fold(&lake).await;
    assert_eq!(current(&lake).await, left);
}

#[tokio::test]
async fn one_batch_may_hold_truncates_of_two_topics() {
    let lake = open(&lossy::store(), contract()).await;
    land(&lake, &batch(Some(EAST), 0..1, &[row("c", "a", "e1", 1, 0)])).await;
    land(&lake, &batch(Some(WEST), 0..2, &[row("c", "b", "w1", 1, 1), row("c", "c", "w7", 7, 0)]))
        .await;
    let (mut both, west) = (truncate(EAST, 1..2, 3), truncate(WEST, 2..3, 5));
    both.truncates.extend(west.truncates);
    both.covers.0.extend(west.covers.0);
    both.tally.control += 1;
    land(&lake, &both).await;
    assert_eq!(current(&lake).await, ["c w7"]);
}

/// Random numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

const KEYS: [&str; 4] = ["a", "b", "c", "d"];
const STATUSES: [&str; 3] = ["x", "y", "z"];

/// What is meant: the highest change of a key counts, unless it is a delete, or not later than a
/// truncate of its topic.
#[derive(Default)]
struct Meant {
    /// By key: (sequence, offset, topic), and the status of a row that is alive.
    newest: BTreeMap<&'static str, ((i64, i64, &'static str), Option<&'static str>)>,
    truncated: BTreeMap<&'static str, i64>,
}

impl Meant {
    fn lines(&self) -> Vec<String> {
        let is_gone = |topic, seq| self.truncated.get(topic).is_some_and(|&mark| seq <= mark);
        let lines = self.newest.iter().filter_map(|(key, ((seq, _, topic), status))| {
            let status = status.filter(|_| !is_gone(topic, *seq))?;
            Some(format!("{key} {status}"))
        });
        lines.collect()
    }
}

/// Changes and truncates of two topics in an order that has nothing to do with their sequences.
#[tokio::test]
async fn truncates_and_changes_of_two_topics_leave_the_same_in_any_order() {
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let lake = open(&lossy::store(), contract()).await;
        let (mut meant, mut next) = (Meant::default(), BTreeMap::from([(EAST, 0), (WEST, 0)]));
        for _ in 0..24 {
            let topic = if dice.below(2) == 0 { EAST } else { WEST };
            let offset = next[topic];
            let seq = i64::try_from(dice.below(30)).expect("few");
            next.insert(topic, offset + 1);
            match dice.below(10) {
                0 | 1 => {
                    let mark = meant.truncated.entry(topic).or_default();
                    *mark = seq.max(*mark);
                    land(&lake, &truncate(topic, offset..offset + 1, seq)).await;
                }
                number => {
                    let at = usize::try_from(dice.below(4)).expect("few");
                    let key = KEYS[at];
                    let status = STATUSES[usize::try_from(dice.below(3)).expect("few")];
                    let op = if number == 2 { "d" } else { "u" };
                    let bucket = i32::from(at > 1);
                    let row = RowSpec { op, key, status, seq, offset, bucket, day: 18_000 };
                    land(&lake, &batch(Some(topic), offset..offset + 1, &[row])).await;
                    let place = (seq, offset, topic);
                    let held = meant.newest.entry(key).or_insert((place, None));
                    if held.0 <= place {
                        *held = (place, (op == "u").then_some(status));
                    }
                }
            }
            if dice.below(4) == 0 {
                fold(&lake).await;
            }
            assert_eq!(current(&lake).await, meant.lines(), "seed {seed}");
        }
    }
}

#[tokio::test]
async fn rows_that_do_not_name_their_topic_stay_and_are_counted() {
    let store = lossy::store();
    let lake = open(&store, contract()).await;
    land(&lake, &batch(None, 0..1, &[row("c", "a", "old", 1, 0)])).await;
    land(&lake, &batch(Some(EAST), 1..2, &[row("c", "b", "new", 2, 1)])).await;
    land(&lake, &truncate(EAST, 2..3, 5)).await;
    assert_eq!(current(&lake).await, ["a old"]);
    let said = &receipt(&store, 3).await["truncates"][0];
    assert_eq!((&said["deletes"], &said["unnamed"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn a_table_that_is_older_than_the_column_gains_it() {
    let store = lossy::store();
    drop(open(&store, account_contract()).await);
    let parts = [("name", system::KAFKA_TOPIC), ("type", "string")];
    let parts = parts.map(|(name, value)| format!(r#"\"{name}\":\"{value}\","#)).concat();
    let field = format!(r#"{{{parts}\"nullable\":true,\"metadata\":{{}}}},"#);
    for table in ["changes", "current", "deleted"] {
        let path = Path::from(format!("{table}/account/_delta_log/{:020}.json", 0));
        let bytes = store.get(&path).await.expect("it is there").bytes().await.expect("it reads");
        let text = String::from_utf8(bytes.to_vec()).expect("it is text");
        assert!(text.contains(&field), "{table} has the column: {text}");
        let text = text.replace(&field, "");
        store.put(&path, PutPayload::from(text)).await.expect("it is written");
    }
    // Rows as they were: of one topic, which they need not name.
    let lake = open(&store, account_contract()).await;
    land(&lake, &batch(None, 1..3, &[row("c", "a", "old", 1, 0), row("c", "b", "old", 2, 1)]))
        .await;
    fold(&lake).await;
    let again = open(&store, account_contract()).await;
    land(&again, &batch(Some(EAST), 3..4, &[row("u", "b", "new", 3, 1)])).await;
    assert_eq!(current(&again).await, ["a old", "b new"]);
    land(&again, &truncate(EAST, 4..5, 2)).await;
    assert_eq!(current(&again).await, ["b new"]);
    let found = audit(&again).await;
    assert_eq!((found.chain.fault, found.recounted, found.not_recounted), (None, 3, 0));
}

async fn audit(lake: &Lake) -> Audited {
    let targets = lake.maintained().await.expect("it lists");
    let target = targets.iter().find(|t| t.name == "changes.account").expect("it is there");
    lake.audit(target, None).await.expect("it reads")
}

/// Both topics have the same partition and offsets.
async fn two_topics(store: &Arc<LossyStore>) -> Lake {
    let lake = open(store, contract()).await;
    for topic in [EAST, WEST] {
        land(&lake, &batch(Some(topic), 1..2, &[row("c", "a", "1", 1, 0)])).await;
        land(&lake, &batch(Some(topic), 2..4, &[row("c", "b", "1", 2, 1)])).await;
    }
    lake
}

#[tokio::test]
async fn the_rows_of_each_topic_are_counted_by_themselves() {
    let store = lossy::store();
    let lake = two_topics(&store).await;
    let found = audit(&lake).await;
    assert_eq!(found.chain.fault, None);
    assert_eq!((found.recounted, found.not_recounted, found.offsets), (4, 0, 6));

    // A row that was edited to be another topic's is missed there.
    let changes = &lake.dataset("account").expect("declared").changes;
    let state = changes.refresh().await.expect("it reads");
    let [east, west] = [1, 3].map(|version| state.added[&version][0].clone());
    let file = |path: &str| Path::from(format!("changes/account/{path}"));
    let (from, to) = (file(&west), file(&east));
    let bytes = store.get(&from).await.expect("it is there").bytes().await.expect("it reads");
    store.put(&to, PutPayload::from(bytes)).await.expect("it is written");
    let fault = audit(&lake).await.chain.fault.expect("a row of the east is missing");
    let what =
        "says 1 accepted and 0 rejected of {\"feed.account.east/0\":[1,2]}, the tables have 0";
    assert!(fault.version == 1 && fault.what.contains(what), "{}", fault.what);
}

#[tokio::test]
async fn a_row_that_names_no_topic_leaves_only_its_receipts_uncounted() {
    let store = lossy::store();
    let lake = two_topics(&store).await;
    land(&lake, &batch(None, 4..5, &[row("c", "c", "1", 4, 0)])).await;
    let found = audit(&lake).await;
    assert_eq!(found.chain.fault, None);
    assert_eq!((found.recounted, found.not_recounted), (4, 1));
    assert!(found.why_not.expect("a reason").contains("do not name which kafka topic"));
}

fn attempt(kafka_topic: &str, offset: i64) -> Attempt {
    let entry = Entry {
        at_us: 1_600_000_000_000_000,
        kafka_topic: kafka_topic.to_owned(),
        partition: 0,
        offset,
        action: Action::Replay,
        outcome: Outcome::Accepted,
        reason_before: Some("LENGTH".into()),
        reason_after: None,
        field: None,
        value_before: None,
        value_after: None,
        raw_sm3: Some("00".into()),
        contract_sm3: Some("11".into()),
        changes_version: None,
        actor: "tester".into(),
        note: None,
    };
    Attempt { entries: vec![entry], kafka_time_us: 18_000 * DAY_US }
}

async fn replay(lake: &Lake, kafka_topic: &str, row: RowSpec<'_>) -> Outcome {
    let attempts = vec![attempt(kafka_topic, row.offset)];
    let replay = Replay { rows: vec![change_rows_of(Some(kafka_topic), &[row])], attempts };
    lake.replay("account", &replay, false).await.expect("it runs").entries[0].outcome
}

#[tokio::test]
async fn a_reject_comes_back_although_another_topic_has_its_coordinates() {
    let lake = two_topics(&lossy::store()).await;
    land(&lake, &batch(Some(EAST), 4..5, &[row("c", "c", "east", 4, 0)])).await;
    // The west's offset 4, of the same millisecond, was rejected.
    assert_eq!(replay(&lake, WEST, row("c", "d", "west", 4, 1)).await, Outcome::Accepted);
    assert_eq!(replay(&lake, WEST, row("c", "d", "west", 4, 1)).await, Outcome::Already);
    assert_eq!(replay(&lake, EAST, row("c", "c", "east", 4, 0)).await, Outcome::Already);
    assert_eq!(current(&lake).await, ["a 1", "b 1", "c east", "d west"]);
}

#[tokio::test]
async fn a_row_without_a_topic_is_told_by_its_place_and_time() {
    let lake = open(&lossy::store(), contract()).await;
    land(&lake, &batch(None, 3..4, &[row("c", "c", "old", 3, 0)])).await;
    assert_eq!(replay(&lake, WEST, row("c", "c", "old", 3, 0)).await, Outcome::Already);
}

#[tokio::test]
async fn a_reject_that_comes_back_after_a_truncate_of_its_topic_stays_dead() {
    let lake = two_topics(&lossy::store()).await;
    land(&lake, &truncate(EAST, 4..5, 5)).await;
    assert_eq!(current(&lake).await, ["a 1", "b 1"], "those of the west");
    assert_eq!(replay(&lake, EAST, row("c", "e", "late", 4, 0)).await, Outcome::Accepted);
    assert_eq!(replay(&lake, WEST, row("c", "f", "late", 4, 1)).await, Outcome::Accepted);
    assert_eq!(current(&lake).await, ["a 1", "b 1", "f late"]);
}
