//! A process that lives for days: what it remembers of a dataset is swept from the store.

use arrow::array::{AsArray, RecordBatch};
use huiliu_lake::Lake;
use huiliu_lake::maintain::Bounds;
use huiliu_model::port::Landing;
use huiliu_model::{Batch, Contract, Covers, Partition, Quality, Tally};
use huiliu_simulation::life::Life;
use huiliu_simulation::plan::Plan;
use huiliu_simulation::store::{Depot, Door};
use huiliu_simulation::subjects::Subjects;
use huiliu_simulation::time::{ProcessClock, VirtualTime};
use huiliu_subject::lake::Seen;
use huiliu_testkit::{RowSpec, account_contract, change_rows};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Both datasets of the subject tables, in one bucket each.
fn contracts() -> Vec<Arc<Contract>> {
    let of = |name: &str| {
        let contract = account_contract();
        Arc::new(Contract { dataset: name.into(), buckets: 1, ..contract })
    };
    ["account", "meter"].map(of).to_vec()
}

async fn open(time: &Arc<VirtualTime>) -> Lake {
    let depot = Arc::new(Depot::new(Arc::clone(time), Plan::Nothing, None, false));
    let life = Arc::new(Life::default());
    let (time, wrong_by_us) = (Arc::clone(time), 0.into());
    let clock = Arc::new(ProcessClock { time, life: Arc::clone(&life), wrong_by_us });
    let door = Arc::new(Door { depot, life, process: 1 });
    Lake::on_store(door, &contracts(), false, clock).await.expect("it opens")
}

/// Lands one account and its status; its sequence is its offset.
async fn land(lake: &Lake, offset: i64, key: &str, status: &str) {
    let row = RowSpec { op: "u", key, status, seq: offset, offset, bucket: 0, day: 18_000 };
    let partition = Partition::new("feed.account", 0);
    let batch = Batch {
        dataset: "account".into(),
        rows: vec![change_rows(&[row])],
        rejects: Vec::new(),
        covers: Covers([(partition, offset..offset + 1)].into()),
        tally: Tally { accepted: 1, ..Tally::default() },
        quality: Quality::default(),
        newest_record_ms: 1,
        oldest_event_us: None,
        truncates: Vec::new(),
    };
    lake.land(&batch).await.expect("it lands");
}

async fn fold(lake: &Lake) {
    lake.dataset("account").expect("declared").fold_all().await.expect("it folds");
}

async fn maintain(lake: &Lake) -> usize {
    let mut deleted = 0;
    for target in lake.maintained().await.expect("it lists") {
        let upkeep = lake.maintain(&target, &Bounds::default(), Some(1)).await;
        deleted += upkeep.expect("it is maintained").swept.files;
    }
    deleted
}

async fn pairs(lake: &Lake) -> Vec<String> {
    let tables = [("city".to_owned(), "pair".to_owned())];
    let ctx = lake.query_session(&tables, 64 << 20).await.expect("it opens");
    let sql = "SELECT account_no, account_status FROM city.pair ORDER BY account_no";
    let rows = ctx.sql(sql).await.expect("it plans").collect().await.expect("it runs");
    let of = |batch: &RecordBatch| -> Vec<String> {
        let text = |column: usize| batch.column(column).as_string::<i32>().clone();
        let (keys, states) = (text(0), text(1));
        (0..batch.num_rows()).map(|i| format!("{} {}", keys.value(i), states.value(i))).collect()
    };
    rows.iter().flat_map(of).collect()
}

#[test]
fn what_was_seen_before_it_was_swept_is_forgotten() {
    let time = Arc::new(VirtualTime::default());
    let passes = Arc::clone(&time);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || passes.pass())
        .build()
        .expect("a runtime without drivers");
    runtime.block_on(async {
        let (lake, seen, subjects) =
            (open(&time).await, Seen::default(), Subjects::new(contracts()));
        land(&lake, 0, "a", "1").await;
        land(&lake, 1, "b", "1").await;
        fold(&lake).await;
        subjects.refresh(&lake, &seen).await.expect("it is built");
        land(&lake, 2, "b", "2").await;
        subjects.refresh(&lake, &seen).await.expect("it is refreshed");
        // The change goes to `current`, whose old file is swept two days later.
        fold(&lake).await;
        time.leap(2 * DAY);
        assert!(maintain(&lake).await > 0, "the old file of `current` is swept");
        land(&lake, 3, "a", "3").await;
        subjects.refresh(&lake, &seen).await.expect("it does without what is gone");
        assert_eq!(pairs(&lake).await, ["a 3", "b 2"]);
    });
}
