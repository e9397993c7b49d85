//! One folder per fault: a sound project on disk, with exactly one thing wrong in it, gives exactly
//! one finding, with its file, its line, its reason and a remedy.

use huiliu_spec::Project;
use huiliu_subject::{Catalogue, validate_project};
use std::path::{Path, PathBuf};

const FIRM: &str = "\
dataset: firm
title: 企业
provider: 市场监管局
group: base
source: {kafka_topic: base.firm, format: huiliu_json}
mode: cdc
key: [uscc]
columns:
  - {name: uscc, title: 代码, type: string, required: true, rule: uscc, grade: L1}
  - {name: name, title: 名称, type: string, grade: L1}
  - {name: size, title: 人数, type: integer, unit: person, grade: L2}
  - {name: seat, title: 区划, type: string, rule: division6, grade: L1}
";
const BILL: &str = "\
dataset: bill
title: 账单
provider: 水务集团
group: base
source: {kafka_topic: base.bill, format: huiliu_json}
mode: cdc
key: [bill_no]
columns:
  - {name: bill_no, title: 单号, type: string, required: true, grade: L2}
  - {name: uscc, title: 代码, type: string, rule: uscc, grade: L1}
  - {name: amount, title: 金额, type: 'decimal(14, 2)', unit: CNY, grade: L3}
  - {name: paid, title: 缴费日, type: date, grade: L3}
";
const TABLE: &str = "\
title: 企业用水
title_en: Water of firms
grain: one row per uscc
key: [uscc]
inputs:
  - {dataset: firm, by: uscc}
  - {dataset: bill, by: uscc}
parameters:
  - {name: as_of, type: date}
columns:
  - {name: uscc, type: string, title: 代码, title_en: Code, grade: L1}
  - {name: size, type: int32, title: 人数, title_en: Size, unit: person, grade: L2}
  - {name: total, type: 'decimal(24, 2)', title: 金额, title_en: Amount, unit: CNY, grade: L3}
";
const QUERY: &str = "\
-- Grain: one row per uscc.
WITH paid AS (
  SELECT b.uscc, sum(b.amount) AS total
  FROM bill b
  WHERE b.paid <= CAST($as_of AS DATE)
  GROUP BY b.uscc
)
SELECT f.uscc, f.size, p.total
FROM firm f
LEFT JOIN paid p ON p.uscc = f.uscc
";

/// A project in a folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("huiliu-{name}-{}", std::process::id()));
        let folder = Self(path);
        folder.write("pipelines/base/firm.yaml", FIRM);
        folder.write("pipelines/base/bill.yaml", BILL);
        folder.write("sql/s/t/table.yaml", TABLE);
        folder.write("sql/s/t/query.sql", QUERY);
        folder
            .write("sql/s/t/tests/one/case.yaml", "title: one\nparameters: {as_of: 2020-01-01}\n");
        folder.write("sql/s/t/tests/one/given/firm.csv", "uscc,size\nA,3\n");
        folder.write("sql/s/t/tests/one/expected.csv", "uscc,size,total\nA,3,\n");
        folder
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// Replaces one piece of a file.
    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.0.join(path)).expect("there");
        assert_eq!(text.matches(from).count(), 1, "`{from}` is in {path} once");
        self.write(path, &text.replace(from, to));
    }

    /// Every finding as `file:line message`, and that it has a remedy.
    async fn findings(&self) -> Vec<String> {
        let paths = [self.0.join("pipelines"), self.0.join("sql")];
        let line = |file: &Path, line: u32, message: &str| {
            let file = file.strip_prefix(&self.0).unwrap_or(file);
            format!("{}:{line} {message}", file.display())
        };
        let project = match Project::load_paths(&paths) {
            Ok(project) => project,
            Err(found) => {
                return found.iter().map(|f| line(&f.file, f.line, &f.message)).collect();
            }
        };
        let sql = self.0.join("sql");
        let catalogue = Catalogue::read(&sql).expect("views");
        let catalogue = catalogue.with_functions(huiliu_functions::all());
        let found = validate_project(&project, &catalogue, &sql, &[false, true]).await;
        found.expect("readable").iter().map(|f| line(&f.file, f.line, &f.message)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Changes one piece of the table or the query; these are the findings.
async fn check(name: &str, file: &str, (from, to): (&str, &str), expected: &[&str]) {
    let folder = Folder::new(name);
    folder.replace(&format!("sql/s/t/{file}"), from, to);
    let found = folder.findings().await;
    let expected: Vec<String> = expected.iter().map(|line| format!("sql/s/t/{line}")).collect();
    assert_eq!(found, expected, "{name}");
}

#[tokio::test]
async fn a_sound_project_has_no_findings() {
    assert_eq!(Folder::new("sound").findings().await, [""; 0]);
}

#[tokio::test]
async fn an_unknown_column_is_found_where_it_stands() {
    let found = "query.sql:8 No field named f.sise. Did you mean 'f.size'?";
    check("unknown-column", "query.sql", ("f.size, p", "f.sise AS size, p"), &[found]).await;
}

#[tokio::test]
async fn a_type_that_does_not_fit_is_found_also_in_conditions() {
    let file = "query.sql";
    let wrong = (
        "b.paid <= CAST($as_of AS DATE)",
        "b.paid <= CAST($as_of AS DATE) AND b.paid + b.amount > 3",
    );
    let folder = Folder::new("type-mismatch");
    folder.replace("sql/s/t/query.sql", wrong.0, wrong.1);
    let found = folder.findings().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("query.sql") && found[0].contains("Date32"), "{found:?}");

    check(
        "argument",
        file,
        ("LEFT JOIN", "JOIN bill x ON x.uscc = f.uscc AND uscc_valid(1)\nLEFT JOIN"),
        &["query.sql:10 uscc_valid: text is text, not Int64; write CAST(… AS VARCHAR) if that is \
           what you mean"],
    )
    .await;
}

#[tokio::test]
async fn an_identifier_that_becomes_a_number_is_found() {
    let message = "query.sql:3 identifier `uscc` of `bill` becomes a number in the query";
    let to = ("SELECT b.uscc, sum", "SELECT b.uscc, max(TRY_CAST(b.uscc AS BIGINT)) AS n, sum");
    check("identifier", "query.sql", to, &[message]).await;
    // Through a step, and of a token or key as well.
    let message = "query.sql:1 identifier `bill_no` of `bill` becomes a number in the query";
    let folder = Folder::new("identifier-step");
    folder.write(
        "sql/s/t/query.sql",
        &QUERY
            .replace("FROM bill b", "FROM (SELECT bill_no AS no, * FROM bill) b")
            .replace("b.paid <=", "CAST(b.no AS INT) > 0 AND b.paid <="),
    );
    let found = folder.findings().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with(&message[12..]), "{found:?}");
    // What is cut out of one is no identifier.
    let cut =
        ("SELECT b.uscc, sum", "SELECT b.uscc, max(CAST(substr(b.uscc, 3, 6) AS INT)) AS n, sum");
    check("identifier-cut", "query.sql", cut, &[]).await;
}

#[tokio::test]
async fn what_is_not_determined_by_the_rows_is_found() {
    let to = ("CAST($as_of AS DATE)", "CAST($as_of AS DATE) AND b.paid < now()");
    let found = "query.sql:5 function `now` gives another value each time";
    check("clock", "query.sql", to, &[found]).await;
}

#[tokio::test]
async fn a_join_without_a_key_is_found() {
    let message = "`firm` and `bill` are joined without a key: no column of one equals a column of \
                   the other, so every row meets every row";
    let found = format!("query.sql:9 {message}");
    check(
        "cross",
        "query.sql",
        ("LEFT JOIN paid p ON p.uscc = f.uscc", "CROSS JOIN paid p"),
        &[&found],
    )
    .await;
    check("inequality", "query.sql", ("p.uscc = f.uscc", "p.total > f.size"), &[&found]).await;
    // After a comma the key is in WHERE.
    let comma = ("LEFT JOIN paid p ON p.uscc = f.uscc", ", paid p WHERE p.uscc = f.uscc");
    check("comma", "query.sql", comma, &[]).await;
    // One row meets all others, and has to stand first.
    let first =
        ("FROM firm f\n", "FROM (SELECT max(amount) AS top FROM bill) m CROSS JOIN firm f\n");
    check("one-row", "query.sql", first, &[]).await;
    let last =
        ("FROM firm f\n", "FROM firm f CROSS JOIN (SELECT max(amount) AS top FROM bill) m\n");
    let found = "query.sql:9 one row is joined after the rows of `firm`: each of them becomes a \
                 batch of its own";
    check("one-row-last", "query.sql", last, &[found]).await;
}

#[tokio::test]
async fn inputs_are_those_that_are_read() {
    let more = ("  - {dataset: bill, by: uscc}\n", "");
    let found = ["table.yaml:1 the query reads `bill`, table.yaml does not declare it"];
    let folder = Folder::new("undeclared");
    folder.replace("sql/s/t/table.yaml", more.0, more.1);
    let all = folder.findings().await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("bill"), "{all:?} {found:?}");

    let folder = Folder::new("unused");
    folder.write(
        "sql/s/t/query.sql",
        "SELECT uscc, size, CAST(NULL AS DECIMAL(24, 2)) AS total\n\
         FROM firm\nWHERE $as_of > DATE '2020-01-01'\n",
    );
    let all = folder.findings().await;
    assert_eq!(all, ["sql/s/t/table.yaml:7 table.yaml declares input `bill`, nothing reads it"]);
}

#[tokio::test]
async fn circles_of_tables_and_of_views_are_found() {
    let folder = Folder::new("table-circle");
    for (name, other) in [("t", "u"), ("u", "t")] {
        let input = format!("inputs:\n  - {{table: s.{other}, by: uscc}}\n");
        folder.write(&format!("sql/s/{name}/table.yaml"), &TABLE.replace("inputs:\n", &input));
        folder.write(&format!("sql/s/{name}/query.sql"), QUERY);
    }
    let all = folder.findings().await;
    assert_eq!(
        all,
        ["table.yaml:0 built from each other in a circle: `s.t`, `s.u`"]
            .map(|line| format!("sql/s/t/{line}"))
    );

    let folder = Folder::new("view-circle");
    folder.write("sql/views/a.sql", "SELECT uscc FROM b");
    folder.write("sql/views/b.sql", "SELECT uscc FROM c JOIN firm USING (uscc)");
    folder.write("sql/views/c.sql", "SELECT uscc FROM a");
    let all = folder.findings().await;
    assert_eq!(all, ["sql/views/a.sql:0 views that read each other in a circle: `a`, `b`, `c`"]);
}

#[tokio::test]
async fn a_table_without_a_test_is_found() {
    let folder = Folder::new("untested");
    std::fs::remove_dir_all(folder.0.join("sql/s/t/tests")).expect("removed");
    assert_eq!(folder.findings().await, ["sql/s/t/table.yaml:0 table s.t has no test"]);
}

#[tokio::test]
async fn a_column_without_a_meaning_or_a_unit_is_found() {
    let meaning = ("title_en: Code", "title_en: ''");
    check(
        "meaning",
        "table.yaml",
        meaning,
        &["table.yaml:11 the English title of the column is empty"],
    )
    .await;
    let unit = (", unit: person", "");
    check("unit", "table.yaml", unit, &["table.yaml:12 column `size` of type int32 has no unit"])
        .await;
}

#[tokio::test]
async fn a_grade_below_that_of_what_a_column_comes_from_is_found() {
    let lower = ("unit: CNY, grade: L3", "unit: CNY, grade: L1");
    let found = "table.yaml:13 column `total` is declared L1, it comes from `bill.amount` (L3)";
    check("grade", "table.yaml", lower, &[found]).await;
    // What only chooses rows is not in the value: `paid` (L3) does not raise anything.
    let declared = (
        "unit: CNY, grade: L3}\n",
        "unit: CNY, grade: L1}\n\
         declassify:\n  - {column: total, by: aggregate, why: over all bills of a year}\n",
    );
    check("declassified", "table.yaml", declared, &[]).await;
    let needless = (
        "unit: CNY, grade: L3}\n",
        "unit: CNY, grade: L3}\ndeclassify:\n  - {column: size, by: mask, why: none}\n",
    );
    let found =
        "table.yaml:12 column `size` is declassified, and nothing it comes from is above L2";
    check("needless", "table.yaml", needless, &[found]).await;
}

#[tokio::test]
async fn grades_follow_a_value_through_steps_subqueries_windows_and_unions() {
    let cases = [
        (
            "case",
            "f.size, p.total",
            "CAST(CASE WHEN p.total > 5 THEN 1 ELSE 0 END AS INT) AS size, p.total",
        ),
        (
            "subquery",
            "f.size, p.total",
            "CAST((SELECT max(x.amount) FROM bill x WHERE x.uscc = f.uscc) AS INT) AS size, \
             p.total",
        ),
        (
            "window",
            "f.size, p.total",
            "CAST(rank() OVER (ORDER BY p.total) AS INT) AS size, p.total",
        ),
        ("filter", "f.size, p.total", "p.n AS size, p.total"),
    ];
    for (name, from, to) in cases {
        let folder = Folder::new(&format!("follow-{name}"));
        folder.replace("sql/s/t/query.sql", from, to);
        if name == "filter" {
            let count = "CAST(count(*) FILTER (WHERE b.amount > 9) AS INT) AS n, sum(b.amount)";
            folder.replace("sql/s/t/query.sql", "sum(b.amount)", count);
        }
        let found = folder.findings().await;
        let expected =
            "sql/s/t/table.yaml:12 column `size` is declared L2, it comes from `bill.amount` (L3)";
        assert_eq!(found, [expected], "{name}");
    }
}
