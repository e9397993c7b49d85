//! Queries that are determined by the identity, and queries that are not.

use super::*;
use crate::plan::locality_of;
use crate::testing::{by, contract_of, spec_of};
use huiliu_model::{Contract, DataType, Protect};
use huiliu_spec::table::{Check, InputKind, Severity};
use std::sync::Arc;

fn text(name: &str) -> (&str, DataType, Protect) {
    (name, DataType::String, Protect::Keep)
}

/// Firms and their shares by code, bills by account, and a list of kinds.
fn contracts() -> Vec<Arc<Contract>> {
    let number = |name| (name, DataType::Integer, Protect::Keep);
    let contracts = [
        contract_of("firm", &[text("uscc"), text("kind"), number("size")]),
        contract_of("share", &[text("share_no"), text("owner"), number("part")]),
        contract_of("account", &[text("account_no"), text("holder")]),
        contract_of("bill", &[text("bill_no"), text("account_no"), number("amount")]),
        contract_of("kind_list", &[text("kind"), text("label")]),
    ];
    contracts.into_iter().map(Arc::new).collect()
}

async fn obstacle(query: &str) -> Option<String> {
    let mut spec = spec_of(&[("uscc", "string"), ("size", "int32")], query);
    let via = "SELECT account_no, holder AS uscc FROM account".to_owned();
    let input =
        |name: &str, reach| Input { name: name.to_owned(), kind: InputKind::Dataset, reach };
    spec.inputs = vec![
        by("firm", "uscc"),
        by("share", "owner"),
        by("account", "holder"),
        input("bill", Reach::Via { sql: via }),
        input("kind_list", Reach::All),
    ];
    locality_of(&spec, &contracts(), &[], &Catalogue::default(), false).await.obstacle
}

#[tokio::test]
async fn what_stays_with_its_identity_is_local() {
    let queries = [
        "SELECT uscc, size FROM firm WHERE size > 1",
        "SELECT uscc, max(size) AS size FROM firm GROUP BY uscc",
        "WITH s AS (SELECT owner, sum(part) AS n FROM share GROUP BY owner) \
         SELECT f.uscc, s.n AS size FROM firm f LEFT JOIN s ON s.owner = f.uscc",
        "SELECT f.uscc, f.size FROM firm f LEFT JOIN kind_list k ON k.kind = f.kind",
        "SELECT f.uscc, f.size FROM firm f, kind_list k WHERE k.kind = f.kind",
        "SELECT uscc, size FROM (SELECT uscc, size, \
         row_number() OVER (PARTITION BY uscc ORDER BY size) AS n FROM firm) WHERE n = 1",
        "SELECT uscc, size FROM firm WHERE uscc IN (SELECT owner FROM share)",
        "SELECT uscc, size FROM firm f \
         WHERE NOT EXISTS (SELECT 1 FROM share s WHERE s.owner = f.uscc)",
        "SELECT a.holder AS uscc, sum(b.amount) AS size FROM bill b \
         JOIN account a ON a.account_no = b.account_no GROUP BY a.holder",
        "WITH b AS (SELECT account_no, sum(amount) AS n FROM bill GROUP BY account_no) \
         SELECT a.holder AS uscc, b.n AS size FROM account a \
         LEFT JOIN b ON b.account_no = a.account_no",
        "SELECT uscc, size FROM firm UNION ALL SELECT owner AS uscc, part AS size FROM share",
        "SELECT DISTINCT uscc, size FROM firm",
        "SELECT coalesce(f.uscc, s.owner) AS uscc, f.size FROM firm f \
         FULL JOIN share s ON s.owner = f.uscc",
        "WITH p AS (SELECT 5 AS least) SELECT f.uscc, f.size FROM firm f CROSS JOIN p \
         WHERE f.size > p.least",
    ];
    for query in queries {
        assert_eq!(obstacle(query).await, None, "{query}");
    }
}

#[tokio::test]
async fn what_mixes_identities_is_not_and_says_why() {
    let cases = [
        (
            "SELECT f.uscc, f.size FROM firm f CROSS JOIN (SELECT max(size) AS m FROM firm) \
             WHERE f.size = m",
            "aggregate",
        ),
        ("SELECT uscc, rank() OVER (ORDER BY size) AS size FROM firm", "window"),
        (
            "SELECT f.uscc, g.size FROM firm f JOIN firm g ON g.kind = f.kind",
            "rows of two identities",
        ),
        ("SELECT uscc, size FROM firm ORDER BY size LIMIT 3", "limit"),
        ("SELECT kind AS uscc, max(size) AS size FROM firm GROUP BY kind", "aggregate"),
        ("SELECT kind AS uscc, size FROM firm", "is not the identity"),
        (
            "SELECT k.kind AS uscc, f.size FROM kind_list k LEFT JOIN firm f ON f.kind = k.kind",
            "code list",
        ),
        (
            "SELECT a.holder AS uscc, b.amount AS size FROM bill b \
             JOIN account a ON a.account_no = b.bill_no",
            "other columns",
        ),
        (
            "SELECT s.owner AS uscc, b.amount AS size FROM bill b \
             JOIN share s ON s.share_no = b.account_no",
            "without `account`",
        ),
        ("SELECT uscc, size FROM firm WHERE size > (SELECT avg(size) FROM firm)", "subquery"),
    ];
    for (query, part) in cases {
        let why = obstacle(query).await;
        assert!(why.as_ref().is_some_and(|why| why.contains(part)), "{query}: {why:?}");
    }
}

#[tokio::test]
async fn an_identity_that_is_computed_from_a_row_is_local() {
    let query = "SELECT upper(kind) AS uscc, CAST(count(*) AS INT) AS size FROM firm \
                 GROUP BY upper(kind)";
    let mut spec = spec_of(&[("uscc", "string"), ("size", "int32")], query);
    let sql = "SELECT uscc AS code, upper(kind) AS uscc FROM firm".to_owned();
    let reach = Reach::Via { sql };
    spec.inputs = vec![Input { name: "firm".to_owned(), kind: InputKind::Dataset, reach }];
    let found = locality_of(&spec, &contracts(), &[], &Catalogue::default(), false).await;
    assert_eq!(found.obstacle, None);
}

#[tokio::test]
async fn a_check_of_a_total_needs_the_whole_table() {
    let mut spec = spec_of(&[("uscc", "string"), ("size", "int32")], "SELECT uscc, size FROM firm");
    spec.inputs = vec![by("firm", "uscc")];
    let check = |name: &str, sql: &str| Check {
        name: name.to_owned(),
        severity: Severity::Fail,
        sql: sql.to_owned(),
    };
    spec.checks = vec![
        check("one_row", "SELECT uscc FROM staged GROUP BY uscc HAVING count(*) > 1"),
        check(
            "every_firm",
            "SELECT f.uscc FROM firm f LEFT JOIN staged s ON s.uscc = f.uscc WHERE s.uscc IS NULL",
        ),
        check("enough", "SELECT count(*) AS n FROM staged HAVING count(*) < 3"),
    ];
    let found = locality_of(&spec, &contracts(), &[], &Catalogue::default(), false).await;
    assert_eq!(found.checks, ["every_firm".to_owned(), "one_row".to_owned()].into());
}
