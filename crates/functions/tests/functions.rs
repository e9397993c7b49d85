//! Every function in a session: its worked example, the domain's vectors, types of text, nulls.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, StringViewArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;
use huiliu_functions::{all, entries, reference};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

fn session() -> SessionContext {
    let ctx = SessionContext::new();
    for function in all() {
        ctx.register_udf(function);
    }
    ctx
}

async fn ask(ctx: &SessionContext, sql: &str) -> Result<ArrayRef, String> {
    let frame = ctx.sql(sql).await.map_err(|e| e.strip_backtrace())?;
    let batches = frame.collect().await.map_err(|e| e.strip_backtrace())?;
    let schema = batches.first().map(RecordBatch::schema).ok_or("no rows")?;
    let rows = arrow::compute::concat_batches(&schema, &batches).map_err(|e| e.to_string())?;
    Ok(Arc::clone(rows.column(0)))
}

async fn one(ctx: &SessionContext, sql: &str) -> Option<String> {
    let found = ask(ctx, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    found.is_valid(0).then(|| array_value_to_string(&found, 0).expect("it has a text"))
}

fn vectors(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../normalise/tests/data").join(file);
    let text = std::fs::read_to_string(path).expect("the vectors are there");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

/// A column of texts, as plain strings and as views.
fn register(ctx: &SessionContext, texts: &[Option<&str>]) {
    let plain: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let view: ArrayRef = Arc::new(StringViewArray::from(texts.to_vec()));
    let batch =
        RecordBatch::try_from_iter_with_nullable([("plain", plain, true), ("view", view, true)]);
    ctx.deregister_table("given").expect("in memory");
    ctx.register_batch("given", batch.expect("two columns")).expect("in memory");
}

/// What an expression over `?` gives for each text, the same for both kinds of text column.
async fn each(expression: &str, texts: &[Option<&str>]) -> Vec<Option<String>> {
    let ctx = session();
    register(&ctx, texts);
    let mut found: Vec<Vec<Option<String>>> = Vec::new();
    for column in ["plain", "view"] {
        let sql = format!("SELECT {} FROM given", expression.replace('?', column));
        let array = ask(&ctx, &sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let text = |row| array_value_to_string(&array, row).expect("it has a text");
        found.push((0..array.len()).map(|row| array.is_valid(row).then(|| text(row))).collect());
    }
    assert_eq!(found[0], found[1], "{expression}");
    found.swap_remove(0)
}

#[tokio::test]
async fn every_worked_example_gives_what_it_says() {
    let ctx = session();
    for entry in entries() {
        let (call, result) = entry.example;
        assert!(call.contains(&format!("{}(", entry.name)), "{call}");
        let found = one(&ctx, &format!("SELECT {call}")).await;
        assert_eq!(found.unwrap_or_default(), result, "{call}");
    }
}

#[tokio::test]
async fn nulls_give_nulls_and_every_function_says_so_at_once() {
    let ctx = session();
    for entry in entries() {
        for missing in 0..entry.arguments.len() - entry.optional {
            let arguments: Vec<&str> = (0..entry.arguments.len() - entry.optional)
                .map(|index| match (index == missing, entry.arguments[index].1.label()) {
                    (true, _) => "NULL",
                    (false, "date") => "DATE '2020-01-01'",
                    (false, "double") => "106.5",
                    (false, _) if entry.arguments[index].0 == "rule" => "'uscc'",
                    (false, _) if entry.arguments[index].0 == "list" => "'sex'",
                    (false, _) if entry.arguments[index].0 == "kind" => "'phone'",
                    (false, _) => "'1'",
                })
                .collect();
            let sql = format!("SELECT {}({})", entry.name, arguments.join(", "));
            assert_eq!(one(&ctx, &sql).await, None, "{sql}");
        }
    }
}

#[tokio::test]
async fn tests_of_identifiers_agree_with_the_vectors() {
    let all = vectors("identifier_vectors.json");
    let tests = [
        ("id_valid(?)", "resident_id"),
        ("uscc_valid(?)", "uscc"),
        ("reg_no_valid(?)", "business_reg_no"),
        ("elicence_valid(?)", "elicence_id"),
        ("project_code_valid(?)", "project_code"),
    ];
    for (expression, section) in tests {
        for (group, expected) in [("valid", "true"), ("invalid", "false")] {
            let list = all[section][group].as_array().expect("a list");
            let texts: Vec<Option<&str>> = list.iter().map(|v| v["in"].as_str()).collect();
            assert!(!texts.is_empty() && texts.iter().all(Option::is_some));
            let found = each(expression, &texts).await;
            assert!(found.iter().all(|f| f.as_deref() == Some(expected)), "{section} {found:?}");
        }
    }
    let reasons = all["uscc"]["invalid"].as_array().expect("a list");
    let texts: Vec<_> = reasons.iter().map(|v| v["in"].as_str()).collect();
    let expected: Vec<_> =
        reasons.iter().map(|v| v["reason"].as_str().map(str::to_owned)).collect();
    assert_eq!(each("rule_reason('uscc', ?)", &texts).await, expected);
}

#[tokio::test]
async fn what_a_number_says_agrees_with_the_vectors() {
    let all = vectors("identifier_vectors.json");
    let list = all["resident_id"]["valid"].as_array().expect("a list");
    let texts: Vec<_> = list.iter().map(|v| v["in"].as_str()).collect();
    let field = |name: &str| -> Vec<Option<String>> {
        list.iter().map(|v| v[name].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(each("id_birth_date(?)", &texts).await, field("birth"));
    assert_eq!(each("id_sex(?)", &texts).await, field("sex_code"));
    let raised = all["resident_id"]["upgrade_15_to_18"].as_array().expect("a list");
    let texts: Vec<_> = raised.iter().map(|v| v["in"].as_str()).collect();
    let expected: Vec<_> = raised.iter().map(|v| v["out"].as_str().map(str::to_owned)).collect();
    assert_eq!(each("id18(?)", &texts).await, expected);
}

#[tokio::test]
async fn masks_dates_and_digests_agree_with_the_vectors() {
    let all = vectors("identifier_vectors.json");
    for vector in all["masking"].as_array().expect("a list") {
        let kind = match vector["type"].as_str().expect("a type") {
            "mobile" => "phone",
            "uscc" => "open_uscc",
            same => same,
        };
        let found = each(&format!("mask('{kind}', ?)"), &[vector["in"].as_str()]).await;
        assert_eq!(found, [vector["out"].as_str().map(str::to_owned)], "{vector}");
    }
    let dates = all["dates"].as_array().expect("a list");
    let texts: Vec<_> = dates.iter().map(|v| v["in"].as_str()).collect();
    let field = |name: &str| -> Vec<Option<String>> {
        dates.iter().map(|v| v[name].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(each("normalise('date', ?)", &texts).await, field("out"));
    assert_eq!(each("rule_reason('date', ?)", &texts).await, field("reason"));
    let digests = vectors("crypto_vectors.json");
    let digests = digests["sm3"].as_array().expect("a list");
    let known: Vec<_> = digests.iter().filter(|v| v["utf8"].is_string()).collect();
    assert!(known.len() > 1);
    let texts: Vec<_> = known.iter().map(|v| v["utf8"].as_str()).collect();
    let expected: Vec<_> = known.iter().map(|v| v["sm3"].as_str().map(str::to_owned)).collect();
    assert_eq!(each("sm3(?)", &texts).await, expected);
}

#[tokio::test]
async fn positions_agree_with_the_vectors() {
    let all = vectors("coordinate_vectors.json");
    let ctx = session();
    let degrees = |point: &Value| [0, 1].map(|i| point[i].as_f64().expect("a number"));
    let near = |found: &ArrayRef, expected: [f64; 2], tolerance: f64, what: &str| {
        let found = found.as_struct();
        let at = |name| {
            let column = found.column_by_name(name).expect("a field");
            column.as_primitive::<Float64Type>().value(0)
        };
        let miss = (at("longitude") - expected[0]).abs().max((at("latitude") - expected[1]).abs());
        assert!(miss < tolerance, "{what}: {miss}");
    };
    let mut metre_count = 0;
    for row in all["rows"].as_array().expect("a list") {
        let ([x, y], [gx, gy]) = (degrees(&row["wgs84"]), degrees(&row["gcj02"]));
        // Half a metre is the tolerance of the table.
        let to = ask(&ctx, &format!("SELECT wgs84_to_gcj02({x}, {y})")).await.expect("degrees");
        near(&to, [gx, gy], 5e-6, "wgs84_to_gcj02");
        let back = ask(&ctx, &format!("SELECT gcj02_to_wgs84({gx}, {gy})")).await.expect("degrees");
        near(&back, [x, y], 5e-6, "gcj02_to_wgs84");
        if row["bd09"].is_array() {
            let [bx, by] = degrees(&row["bd09"]);
            let to =
                ask(&ctx, &format!("SELECT gcj02_to_bd09({gx}, {gy})")).await.expect("degrees");
            near(&to, [bx, by], 5e-6, "gcj02_to_bd09");
            let back =
                ask(&ctx, &format!("SELECT bd09_to_gcj02({bx}, {by})")).await.expect("degrees");
            near(&back, [gx, gy], 5e-6, "bd09_to_gcj02");
        }
        let metres = &row["cgcs2000_gk3"];
        if let (Some(east), Some(north)) =
            (metres["easting_no_prefix"].as_f64(), metres["northing"].as_f64())
        {
            let zone = &metres["zone3"];
            for sql in [format!("{east}, {north}, {zone}"), format!("{north}, {east}, {zone}")] {
                let sql = format!("SELECT gauss_krueger_to_lonlat({sql})");
                let found = ask(&ctx, &sql).await.expect("metres");
                // A millimetre is the tolerance of the table.
                near(&found, [x, y], 2e-8, &sql);
            }
            metre_count += 1;
        }
    }
    assert!(metre_count > 3);
}

#[tokio::test]
async fn ages_count_full_years_up_to_the_birthday() {
    let ctx = session();
    // Born 1949-12-31: the example that GB 11643 prints.
    for (day, age) in [
        ("1949-12-30", None),
        ("1949-12-31", Some("0")),
        ("2019-12-30", Some("69")),
        ("2019-12-31", Some("70")),
    ] {
        let sql = format!("SELECT id_age('11010519491231002X', '{day}')");
        assert_eq!(one(&ctx, &sql).await.as_deref(), age, "{day}");
    }
}

#[tokio::test]
async fn divisions_know_their_time() {
    let texts = ["500110", "500105", "500103001", "510000", "5001Z1", "999999", "110101"];
    let texts = texts.map(Some);
    let known = |list: [Option<&str>; 7]| list.map(|text| text.map(str::to_owned)).to_vec();
    assert_eq!(
        each("division_name(?)", &texts).await,
        known([
            Some("綦江区"),
            Some("江北区"),
            Some("七星岗街道"),
            Some("四川省"),
            Some("两江新区"),
            None,
            None,
        ])
    );
    assert_eq!(
        each("division_level(?)", &texts).await,
        known([
            Some("county"),
            Some("county"),
            Some("street"),
            Some("province"),
            Some("zone"),
            None,
            Some("county"),
        ])
    );
    assert_eq!(
        each("division_parent(?)", &texts).await,
        known([
            Some("500000"),
            Some("500000"),
            Some("500103"),
            Some("100000"),
            Some("500000"),
            None,
            Some("110100"),
        ])
    );
    let merged = "division_roll_up(?, DATE '2025-12-01')";
    assert_eq!(
        each(merged, &texts).await,
        known([Some("500110"), Some("500157"), Some("500103"), None, Some("5001Z1"), None, None,])
    );
}

#[tokio::test]
async fn words_and_types_that_do_not_fit_are_told_when_the_query_is_planned() {
    let ctx = session();
    register(&ctx, &[Some("1")]);
    for (sql, said) in [
        ("SELECT rule_reason('usc', plain) FROM given", "no rule `usc`; there are uscc,"),
        ("SELECT code_name('sexes', plain) FROM given", "no list `sexes`"),
        ("SELECT mask('all', plain) FROM given", "no kind `all`"),
        ("SELECT uscc_valid(1)", "CAST(… AS VARCHAR)"),
        ("SELECT id_age(plain, now()) FROM given", "CAST(… AS DATE)"),
        ("SELECT id_age(plain) FROM given", "id_age(text, as_of)"),
    ] {
        let error = ctx.sql(sql).await.err().map(|e| e.strip_backtrace()).unwrap_or_default();
        assert!(error.contains(said), "{sql}: {error}");
    }
    let rules = "SELECT rule_reason(plain, '1') FROM given";
    let error = ask(&ctx, rules).await.expect_err("1 is no rule");
    assert!(error.contains("no rule `1`"), "{error}");
}

#[tokio::test]
async fn a_day_that_is_given_decides_and_one_that_is_null_leaves_it_open() {
    let ctx = session();
    // Born 1949-12-31.
    for (call, expected) in [
        ("id_valid('11010519491231002X', '1949-12-31')", Some("true")),
        ("id_valid('11010519491231002X', '1949-12-30')", Some("false")),
        ("id_valid('11010519491231002X', NULL)", None),
        ("rule_reason('resident_id', '11010519491231002X', '1949-12-30')", Some("BIRTH_FUTURE")),
        ("rule_reason('resident_id', '无')", Some("NULL_TOKEN")),
        ("id_valid('无')", None),
        ("division_name('500110', NULL)", None),
    ] {
        assert_eq!(one(&ctx, &format!("SELECT {call}")).await.as_deref(), expected, "{call}");
    }
}

#[test]
fn the_page_of_functions_is_the_list_of_functions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/functions.md");
    if std::env::var_os("HUILIU_WRITE_DOCS").is_some() {
        std::fs::write(&path, reference()).expect("docs/ can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == reference(),
        "write it anew: HUILIU_WRITE_DOCS=1 cargo test -p huiliu-functions"
    );
    let mut names: Vec<_> = entries().map(|entry| entry.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands for one function");
    assert!(all().iter().all(|f| f.return_type(&[]).is_ok_and(|t| t != DataType::Null)));
}
