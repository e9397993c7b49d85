//! Values that the source did not send: a database is played, its log is delivered in pieces, and
//! `current` must hold what the database holds, folded or not.
//!
//! The expectation is the played database itself. Nothing of it is worked out from the log.

use crate::lossy;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use huiliu_lake::Lake;
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Column, Contract, Covers, Partition, Quality, Tally};
use huiliu_testkit::{HandClock, RowSpec, account_contract, change_rows};
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::sync::Arc;

const BUCKETS: i32 = 2;

/// Columns `account_no`, `status`, `note`, `photo`; the last two are large and seldom sent.
fn contract() -> Contract {
    let mut contract = account_contract();
    let column = |name: &str| Column { name: name.to_owned(), ..contract.columns[1].clone() };
    let more = [column("note"), column("photo")];
    contract.columns.extend(more);
    contract
}

/// One change of the log.
#[derive(Debug, Clone)]
struct Logged {
    op: &'static str,
    key: String,
    status: String,
    /// `None`: not sent.
    large: [Option<String>; 2],
    seq: i64,
    offset: i64,
}

/// Random numbers that a seed repeats (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).expect("it is below a usize")
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

type Row = (String, [String; 2]);

/// A database of few keys, and the log of what is done to it.
#[derive(Default)]
struct Database {
    rows: BTreeMap<String, Row>,
    log: Vec<Logged>,
}

impl Database {
    fn play(dice: &mut Dice, steps: usize, moves_keys: bool) -> Self {
        let mut database = Self::default();
        for step in 0..steps {
            let seq = i64::try_from(step).expect("few") * 10 + 100;
            let key = format!("k{}", dice.below(4));
            let fresh = |what: &str| format!("{what}{step}");
            let Some((status, large)) = database.rows.get(&key).cloned() else {
                let row = (fresh("s"), [fresh("n"), fresh("p")]);
                database.write("c", &key, &row, [true, true], seq);
                continue;
            };
            let sent = [dice.below(3) == 0, dice.below(4) == 0];
            let new = |at: usize, what: &str| {
                if sent[at] { fresh(what) } else { large[at].clone() }
            };
            match dice.below(8) {
                0 => database.delete(&key, &status, seq),
                1 if moves_keys => {
                    let other = format!("k{}", dice.below(6));
                    if !database.rows.contains_key(&other) {
                        database.delete(&key, &status, seq);
                        let row = (fresh("s"), [new(0, "n"), new(1, "p")]);
                        database.write("c", &other, &row, sent, seq);
                    }
                }
                _ => {
                    let row = (fresh("s"), [new(0, "n"), new(1, "p")]);
                    database.write("u", &key, &row, sent, seq);
                }
            }
        }
        database
    }

    fn write(&mut self, op: &'static str, key: &str, row: &Row, sent: [bool; 2], seq: i64) {
        let (status, [note, photo]) = row;
        let large = [sent[0].then(|| note.clone()), sent[1].then(|| photo.clone())];
        self.log(op, key, status, large, seq);
        self.rows.insert(key.to_owned(), row.clone());
    }

    fn delete(&mut self, key: &str, status: &str, seq: i64) {
        self.log("d", key, status, [None, None], seq);
        self.rows.remove(key);
    }

    fn log(
        &mut self,
        op: &'static str,
        key: &str,
        status: &str,
        large: [Option<String>; 2],
        seq: i64,
    ) {
        let offset = i64::try_from(self.log.len()).expect("few");
        let (key, status) = (key.to_owned(), status.to_owned());
        self.log.push(Logged { op, key, status, large, seq, offset });
    }

    fn lines(&self) -> Vec<String> {
        let line = |(key, (status, [note, photo])): (&String, &Row)| {
            format!("{key} {status} {note} {photo}")
        };
        self.rows.iter().map(line).collect()
    }
}

/// As preparing a chunk leaves them in `changes`.
fn stored(log: &[Logged]) -> RecordBatch {
    let specs: Vec<RowSpec<'_>> = log
        .iter()
        .map(|logged| RowSpec {
            op: logged.op,
            key: &logged.key,
            status: &logged.status,
            seq: logged.seq,
            offset: logged.offset,
            bucket: i32::from(logged.key.as_bytes()[1]) % BUCKETS,
            day: 18_000,
        })
        .collect();
    let rows = change_rows(&specs);
    let mut fields: Vec<Field> = rows.schema().fields().iter().map(|f| (**f).clone()).collect();
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    for (at, name) in ["note", "photo"].iter().enumerate() {
        fields.insert(2 + at, Field::new(*name, DataType::Utf8, true));
        let values: StringArray = log.iter().map(|logged| logged.large[at].as_deref()).collect();
        columns.insert(2 + at, Arc::new(values));
    }
    let lacking = |logged: &Logged, suffix: &str| {
        let names = ["note", "photo"].iter().zip(&logged.large);
        let lacking = names.filter(|(_, value)| value.is_none() && logged.op != "d");
        let names: Vec<String> = lacking.map(|(name, _)| format!("{name}{suffix}")).collect();
        (!names.is_empty()).then(|| names.join(","))
    };
    for (column, suffix) in [("sys_unsent", ""), ("sys_flags", ":UNAVAILABLE")] {
        let at = fields.iter().position(|f| f.name() == column).expect("a system column");
        let texts: StringArray = log.iter().map(|logged| lacking(logged, suffix)).collect();
        columns[at] = Arc::new(texts);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit")
}

struct Delivery {
    lake: Lake,
    next: i64,
}

impl Delivery {
    async fn new() -> Self {
        let store: Arc<dyn ObjectStore> = lossy::store();
        let clock = Arc::new(HandClock::at(1_600_000_000_000_000));
        let contract = Arc::new(contract());
        let lake = Lake::on_store(store, &[contract], false, clock).await.expect("it opens");
        Self { lake, next: 0 }
    }

    async fn land(&mut self, log: &[Logged]) {
        let rows = stored(log);
        let count = i64::try_from(rows.num_rows()).expect("few");
        let covers =
            Covers([(Partition::new("feed.account", 0), self.next..self.next + count)].into());
        self.next += count;
        let batch = Batch {
            dataset: "account".into(),
            rows: vec![rows],
            rejects: Vec::new(),
            covers,
            tally: Tally { accepted: count.unsigned_abs(), ..Tally::default() },
            quality: Quality::default(),
            newest_record_ms: 1,
            oldest_event_us: None,
            truncates: Vec::new(),
        };
        self.lake.land(&batch).await.expect("it lands");
    }

    async fn fold(&self) -> u64 {
        let dataset = self.lake.dataset("account").expect("it is declared");
        dataset.fold_all().await.expect("it folds").applied
    }

    /// Whole rows, then what `columns` say of them.
    async fn lines(&self, columns: &str) -> Vec<String> {
        let ctx = self.lake.query_session(&[], 64 << 20).await.expect("it opens");
        let sql = format!("SELECT {columns} FROM current.account ORDER BY account_no");
        let batches = ctx.sql(&sql).await.expect("it plans").collect().await.expect("it runs");
        batches.iter().flat_map(shown).collect()
    }

    async fn rows(&self) -> Vec<String> {
        self.lines("account_no, status, note, photo").await
    }
}

fn shown(batch: &RecordBatch) -> Vec<String> {
    let texts: Vec<&StringArray> = batch.columns().iter().map(|c| c.as_string::<i32>()).collect();
    let cell = |texts: &&StringArray, row: usize| {
        if texts.is_valid(row) { texts.value(row).to_owned() } else { "-".to_owned() }
    };
    let line = |row| texts.iter().map(|texts| cell(texts, row)).collect::<Vec<_>>().join(" ");
    (0..batch.num_rows()).map(line).collect()
}

const EVERYTHING: &str = "account_no, status, note, photo, sys_flags, sys_unsent";

/// Lands a log in pieces of random size with folds between them; returns what it leaves.
async fn deliver(dice: &mut Dice, log: &[Logged], seed: u64) -> Vec<String> {
    let mut delivery = Delivery::new().await;
    let mut rest = log;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + dice.below(rest.len().min(12)));
        delivery.land(piece).await;
        rest = after;
        if dice.below(3) == 0 {
            let before = delivery.lines(EVERYTHING).await;
            delivery.fold().await;
            assert_eq!(delivery.lines(EVERYTHING).await, before, "folding changes, seed {seed}");
        }
    }
    let read = delivery.rows().await;
    delivery.fold().await;
    assert_eq!(delivery.rows().await, read, "folding changes, seed {seed}");
    read
}

#[tokio::test]
async fn changes_that_come_late_and_twice_leave_the_rows_of_the_database() {
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let database = Database::play(&mut dice, 60, false);
        let mut log = database.log.clone();
        // The connector starts again and writes a part once more, at new offsets.
        let start = dice.below(log.len());
        let again = log[start..].to_vec();
        let first = i64::try_from(log.len()).expect("few");
        log.extend((first..).zip(again).map(|(offset, logged)| Logged { offset, ..logged }));
        // A range of offsets is replayed.
        let start = dice.below(log.len());
        log.extend(log[start..].to_vec());
        dice.shuffle(&mut log);
        assert_eq!(deliver(&mut dice, &log, seed).await, database.lines(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_changed_key_takes_its_values_along() {
    for seed in 0..12 {
        let mut dice = Dice(1_000 + seed);
        let database = Database::play(&mut dice, 60, true);
        // Each key has its partition: its changes stay in order, the keys come in any.
        let mut partitions: Vec<Vec<Logged>> = Vec::new();
        for logged in &database.log {
            match partitions.iter_mut().find(|held| held[0].key == logged.key) {
                Some(held) => held.push(logged.clone()),
                None => partitions.push(vec![logged.clone()]),
            }
        }
        let mut log = Vec::new();
        while !partitions.is_empty() {
            let at = dice.below(partitions.len());
            let count = 1 + dice.below(partitions[at].len());
            log.extend(partitions[at].drain(..count));
            partitions.retain(|held| !held.is_empty());
        }
        assert_eq!(deliver(&mut dice, &log, seed).await, database.lines(), "seed {seed}");
    }
}

fn logged(op: &'static str, large: [Option<&str>; 2], seq: i64) -> Logged {
    let large = large.map(|value| value.map(str::to_owned));
    Logged { op, key: "k0".into(), status: format!("s{seq}"), large, seq, offset: seq }
}

#[tokio::test]
async fn a_row_says_which_of_its_cells_are_carried_and_from_where() {
    let mut delivery = Delivery::new().await;
    delivery.land(&[logged("u", [None, Some("p9")], 9)]).await;
    assert_eq!(delivery.lines(EVERYTHING).await, ["k0 s9 - p9 note:UNAVAILABLE note"]);
    delivery.fold().await;
    // An older row that has it comes late, and then one between the two.
    delivery.land(&[logged("c", [Some("n3"), Some("p3")], 3)]).await;
    assert_eq!(delivery.lines(EVERYTHING).await, ["k0 s9 n3 p9 - note@0/3/1/3/0/0/feed.account"]);
    delivery.fold().await;
    delivery.land(&[logged("u", [Some("n7"), None], 7)]).await;
    delivery.fold().await;
    assert_eq!(delivery.lines(EVERYTHING).await, ["k0 s9 n7 p9 - note@0/7/1/7/0/0/feed.account"]);
    // What is older than what is known changes nothing, and no file is written for it.
    delivery.land(&[logged("u", [Some("n5"), None], 5)]).await;
    assert_eq!(delivery.fold().await, 0);
    // Of a value before a deletion nothing is left.
    delivery.land(&[logged("d", [None, None], 8)]).await;
    delivery.fold().await;
    let nothing = ["k0 s9 - p9 note:UNAVAILABLE note!0/8/1/8/0/0/feed.account"];
    assert_eq!(delivery.lines(EVERYTHING).await, nothing);
    delivery.land(&[logged("u", [Some("n7"), None], 7)]).await;
    delivery.fold().await;
    assert_eq!(delivery.lines(EVERYTHING).await, nothing);
}
