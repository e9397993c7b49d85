//! Findings of planning, with both sides named.

use super::*;
use crate::catalogue::View;
use crate::testing::{by, contract_of, parameter, spec_of};
use huiliu_model::{DataType, Protect};
use huiliu_spec::table::Check;

fn contracts() -> Vec<Arc<Contract>> {
    let contracts = [
        contract_of(
            "firm",
            &[
                ("uscc", DataType::String, Protect::Keep),
                ("size", DataType::Integer, Protect::Keep),
                ("share", DataType::Double, Protect::Keep),
                ("phone", DataType::String, Protect::Encrypt),
            ],
        ),
        contract_of(
            "bill",
            &[
                ("bill_no", DataType::String, Protect::Keep),
                ("uscc", DataType::String, Protect::Keep),
            ],
        ),
    ];
    contracts.into_iter().map(Arc::new).collect()
}

fn firm_spec(query: &str) -> TableSpec {
    let mut spec = spec_of(&[("uscc", "string"), ("size", "int32")], query);
    spec.inputs = vec![by("firm", "uscc")];
    spec
}

async fn messages(spec: &TableSpec) -> Vec<String> {
    let found = validate_table(spec, &contracts(), &[], &Catalogue::default(), false).await;
    found.into_iter().map(|f| f.message).collect()
}

#[tokio::test]
async fn a_sound_table_has_no_findings() {
    let mut spec = firm_spec("SELECT uscc, size FROM firm WHERE size > $least");
    spec.parameters = vec![parameter("least", "int32")];
    assert_eq!(messages(&spec).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_declared_type_is_a_finding_with_both_sides() {
    let spec = firm_spec("SELECT uscc, CAST(size AS BIGINT) AS size FROM firm");
    assert_eq!(
        messages(&spec).await,
        ["column `size` is declared as int32, the query yields int64"]
    );
}

#[tokio::test]
async fn an_unknown_column_is_a_finding_that_names_it() {
    let found = messages(&firm_spec("SELECT uscc, sise AS size FROM firm")).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("sise") && found[0].contains("size"), "{found:?}");
}

#[tokio::test]
async fn protection_decides_which_columns_exist() {
    let mut spec = spec_of(&[("uscc", "string"), ("phone", "string")], "");
    spec.query = "SELECT uscc, phone FROM firm".into();
    spec.inputs = vec![by("firm", "uscc")];
    assert_eq!(messages(&spec).await, Vec::<String>::new());
    let found = validate_table(&spec, &contracts(), &[], &Catalogue::default(), true).await;
    assert_eq!(found.len(), 1, "an encrypted phone is stored as phone_enc only: {found:?}");
    assert_eq!(found[0].file, PathBuf::from("sql/s/t/query.sql"));
}

#[tokio::test]
async fn inputs_must_be_those_the_query_reads() {
    let mut spec = firm_spec("SELECT f.uscc, f.size FROM firm f");
    spec.inputs.push(by("bill", "uscc"));
    assert_eq!(messages(&spec).await, ["table.yaml declares input `bill`, nothing reads it"]);
    let spec = firm_spec("SELECT f.uscc, f.size FROM firm f JOIN bill b ON b.uscc = f.uscc");
    let found = messages(&spec).await;
    assert!(found.iter().any(|m| m.contains("bill")), "{found:?}");
    let mut spec = firm_spec("SELECT uscc, size FROM firm");
    spec.inputs = vec![by("farm", "uscc")];
    assert!(messages(&spec).await.contains(&"input `farm` is not declared anywhere".to_owned()));
}

#[tokio::test]
async fn what_a_view_reads_must_be_declared() {
    let view = View { name: "big".into(), sql: "SELECT uscc, size FROM firm".into() };
    let catalogue = Catalogue::new(vec![view], Vec::new());
    let spec = firm_spec("SELECT uscc, size FROM big");
    let found = validate_table(&spec, &contracts(), &[], &catalogue, false).await;
    assert_eq!(found, []);
}

#[tokio::test]
async fn what_depends_on_clock_chance_or_order_is_a_finding() {
    let cases = [
        ("SELECT uscc, size FROM firm WHERE now() > DATE '2020-01-01'", "`now`"),
        ("SELECT uscc, CAST(random() AS INT) AS size FROM firm", "`random`"),
        ("SELECT uscc, size FROM firm LIMIT 3", "LIMIT without ORDER BY"),
        ("SELECT uscc, first_value(size) AS size FROM firm GROUP BY uscc", "`first_value`"),
        (
            "SELECT uscc, CAST(row_number() OVER (PARTITION BY uscc) AS INT) AS size FROM firm",
            "`row_number`",
        ),
    ];
    for (query, part) in cases {
        let found = messages(&firm_spec(query)).await;
        assert!(found.iter().any(|m| m.contains(part)), "{query}: {found:?}");
    }
}

#[tokio::test]
async fn a_sum_over_doubles_is_a_warning() {
    let mut spec = spec_of(&[("uscc", "string"), ("share", "double")], "");
    spec.query = "SELECT uscc, sum(share) AS share FROM firm GROUP BY uscc".into();
    spec.inputs = vec![by("firm", "uscc")];
    let found = validate_table(&spec, &contracts(), &[], &Catalogue::default(), false).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].severity, Severity::Warn);
}

#[tokio::test]
async fn one_row_stands_first_in_a_cross_join() {
    let first = "SELECT f.uscc, f.size FROM (SELECT 1 AS one) p CROSS JOIN firm f";
    assert_eq!(messages(&firm_spec(first)).await, [String::new(); 0]);
    let spec = firm_spec("SELECT f.uscc, f.size FROM firm f, (SELECT 1 AS one) p");
    let found = validate_table(&spec, &contracts(), &[], &Catalogue::default(), false).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].severity, Severity::Warn);
    let message = "one row is joined after the rows of `firm`: \
                   each of them becomes a batch of its own";
    assert_eq!(found[0].message, message);
}

#[tokio::test]
async fn an_input_must_lead_to_the_identity() {
    let mut spec = firm_spec("SELECT uscc, size FROM firm");
    spec.inputs = vec![by("firm", "owner")];
    assert_eq!(messages(&spec).await, ["input `firm` has no column `owner` to be reached by"]);
    spec.inputs[0].reach = Reach::Via { sql: "SELECT bill_no FROM bill".into() };
    spec.inputs.push(by("bill", "uscc"));
    let found = messages(&spec).await;
    assert!(found.iter().any(|m| m.starts_with("via of `firm` yields")), "{found:?}");
}

#[tokio::test]
async fn parameters_and_checks_are_planned_too() {
    let mut spec = firm_spec("SELECT uscc, size FROM firm WHERE size > $least");
    spec.parameters = vec![parameter("most", "int32")];
    let sql = "SELECT uscc FROM staged WHERE sise < 0".to_owned();
    spec.checks = vec![Check { name: "size".into(), severity: Severity::Fail, sql }];
    let found = messages(&spec).await;
    assert!(found.contains(&"parameter `$least` is not declared".to_owned()), "{found:?}");
    assert!(found.iter().any(|m| m.starts_with("parameter `most` is declared")), "{found:?}");
    assert!(found.iter().any(|m| m.starts_with("check `size`: ")), "{found:?}");
}

#[tokio::test]
async fn functions_that_are_handed_in_are_planned_and_pass_for_determined() {
    let spec = firm_spec("SELECT uscc, size FROM firm WHERE uscc_valid(uscc)");
    let unknown = messages(&spec).await;
    assert!(unknown.iter().any(|message| message.contains("uscc_valid")), "{unknown:?}");
    let catalogue = Catalogue::default().with_functions(huiliu_functions::all());
    assert_eq!(validate_table(&spec, &contracts(), &[], &catalogue, false).await, []);
}
