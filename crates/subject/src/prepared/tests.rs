//! Plans that are run again, over other rows and for other keys.

use super::*;
use crate::session::Budget;
use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};

/// Two columns, `a` and `n`.
fn rows(values: &[(&str, i64)]) -> Tables<'static> {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(values.iter().map(|v| v.0)));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(values.iter().map(|v| v.1)));
    let batch = RecordBatch::try_from_iter([("a", texts), ("n", numbers)]).expect("two columns");
    [("t".to_owned(), Held::Rows(batch.schema(), vec![batch]))].into()
}

fn keys(texts: &[&str]) -> Arc<Keys> {
    let mut keys = Keys::new(vec![DataType::Utf8]).expect("a text has an order");
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    keys.insert(&[texts]).expect("one text");
    Arc::new(keys)
}

fn statement(sql: &str, finish: Finish) -> Statement<'_> {
    Statement { what: "it".into(), sql, parameters: None, finish }
}

fn among() -> Finish {
    Finish::Among { by: vec!["a".into()], columns: vec!["n".into()] }
}

/// The last column of all rows.
fn numbers((_, rows): (SchemaRef, Vec<RecordBatch>)) -> Vec<i64> {
    let last = |batch: &RecordBatch| {
        let column = batch.columns().last().expect("it has columns").clone();
        column.as_primitive::<Int64Type>().iter().flatten().collect::<Vec<_>>()
    };
    rows.iter().flat_map(last).collect()
}

/// Plans of the statement, and those of them that may be run again.
fn kept(catalogue: &Catalogue) -> (usize, usize) {
    let kept = catalogue.plans().kept.lock().expect("nobody panicked");
    let all = &kept["it"];
    (all.len(), all.iter().filter(|kept| kept.fits).count())
}

#[tokio::test]
async fn a_plan_is_made_once_and_gives_the_rows_of_each_run() {
    let catalogue = Catalogue::default();
    let sessions = Sessions::new(&Budget::default(), &[]).expect("temporary folder");
    let runner = Runner { catalogue: &catalogue, sessions: &sessions };
    let sql = "SELECT x.a, sum(x.n * y.n) AS n FROM t x JOIN t y ON x.a = y.a \
               WHERE x.n < (SELECT max(n) FROM t) GROUP BY x.a";
    let sums = statement(sql, Finish::Sorted(vec!["a".into()]));
    for (held, expected) in [
        // 9 is the largest: p gives 1·(1+2) + 2·(1+2), q nothing.
        (rows(&[("p", 1), ("q", 9), ("p", 2)]), vec![9]),
        // 5 is the largest: q gives 3·3, r 4·(4+5).
        (rows(&[("q", 3), ("r", 4), ("r", 5)]), vec![9, 36]),
        (rows(&[]), vec![]),
        (rows(&[("p", 1), ("q", 9), ("p", 2)]), vec![9]),
    ] {
        let found = runner.run(&sums, &held, None).await.expect("it runs");
        assert_eq!(numbers(found), expected);
        assert_eq!(kept(&catalogue), (1, 1));
    }
    let counted = statement(sql, Finish::Counted);
    let found = runner.run(&counted, &rows(&[("p", 1), ("p", 2)]), None).await;
    assert_eq!(numbers(found.expect("it runs")), [1]);
    assert_eq!(kept(&catalogue), (2, 2), "other terms, another plan");
}

#[tokio::test]
async fn keys_are_those_of_each_run_wherever_their_filter_lies() {
    for (sql, fits, expected) in [
        ("SELECT a, n FROM t", 1, [vec![1, 2], vec![3]]),
        // The filter stays above an expression, and may not be evaluated over a constant.
        ("SELECT upper(a) AS a, n FROM t", 0, [vec![], vec![]]),
        ("SELECT 'q' AS a, n FROM t", 0, [vec![], vec![1, 2, 3]]),
        ("SELECT a, n FROM t UNION ALL SELECT 'q', 7", 0, [vec![1, 2], vec![3, 7]]),
    ] {
        let catalogue = Catalogue::default();
        let sessions = Sessions::new(&Budget::default(), &[]).expect("temporary folder");
        let runner = Runner { catalogue: &catalogue, sessions: &sessions };
        let held = rows(&[("p", 1), ("p", 2), ("q", 3)]);
        for (wanted, expected) in [["p", "x"], ["q", "x"]].iter().zip(expected) {
            let (statement, keys) = (statement(sql, among()), keys(wanted));
            let found = runner.run(&statement, &held, Some(&keys)).await.expect("it runs");
            let mut found = numbers(found);
            found.sort_unstable();
            assert_eq!(found, expected, "{sql}");
            assert_eq!(kept(&catalogue), (1, fits), "{sql}");
        }
    }
}

#[tokio::test]
async fn a_run_that_fails_leaves_the_next_one_alone() {
    let catalogue = Catalogue::default();
    let sessions = Sessions::new(&Budget::default(), &[]).expect("temporary folder");
    let runner = Runner { catalogue: &catalogue, sessions: &sessions };
    let casts = statement("SELECT CAST(a AS BIGINT) AS n FROM t", Finish::Sorted(vec!["n".into()]));
    for (held, expected) in [
        (rows(&[("5", 0)]), Some(vec![5])),
        (rows(&[("five", 0)]), None),
        (rows(&[("6", 0)]), Some(vec![6])),
    ] {
        let found = runner.run(&casts, &held, None).await;
        assert_eq!(found.ok().map(numbers), expected);
    }
}
