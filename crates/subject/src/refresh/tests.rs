//! Builds over tables in memory.

use super::*;
use crate::catalogue::{Catalogue, View};
use crate::memory::{MemoryInputs, MemoryTarget};
use crate::rows::from_csv;
use crate::testing::{by, contract_of, parameter, spec_of};
use arrow::compute::{SortColumn, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::record_batch::RecordBatch;
use huiliu_model::{DataType, ErrorKind, Protect};
use huiliu_spec::table::Check;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct City {
    project: huiliu_spec::Project,
    catalogue: Catalogue,
}

impl City {
    fn load() -> Self {
        let root = repository();
        let project = huiliu_spec::Project::load_paths(&[root.join("pipelines"), root.join("sql")])
            .expect("pipelines and tables are valid");
        let catalogue = Catalogue::read(&root.join("sql")).expect("views and dimensions");
        Self { project, catalogue }
    }

    fn declarations(&self) -> Declarations<'_> {
        let Self { project, catalogue } = self;
        Declarations { contracts: &project.contracts, tables: &project.tables, catalogue }
    }

    fn rows(&self, dataset: &str, csv: &str) -> Vec<RecordBatch> {
        let contract = self.project.contract(dataset).expect("declared");
        vec![from_csv(csv, &contract.stored_fields(false), dataset).expect("rows fit")]
    }
}

/// A small generator of numbers (Knuth's MMIX constants), so that a seed replays a test.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Firms, shares, reports, licences, accounts and bills, with holders that do not exist, missing
/// holders, several accounts for one firm and bills without an account.
fn random_city(city: &City, seed: u64) -> MemoryInputs {
    let mut chance = Chance(seed);
    let firm = |n: u64| format!("9150000000{n:07}X");
    let mut entities =
        String::from("uscc,name,status_code,division_code,industry_code,found_date\n");
    let mut shares = String::from("uscc,holder_seq,holder_name,subscribed_wan,paid_wan\n");
    let mut reports = String::from("uscc,report_year,revenue_wan,employees,published_date\n");
    let mut licences =
        String::from("licence_id,holder_code_type,holder_code,status_code,valid_from,valid_to\n");
    for n in 0..60 {
        let first = if n % 9 == 0 { "1" } else { "9" };
        let code = format!("{first}{}", &firm(n)[1..]);
        let (month, day) = (1 + chance.below(12), 1 + chance.below(28));
        let industry = chance.below(100);
        writeln!(entities, "{code},firm {n},1,500103,{industry:02}11,2015-{month:02}-{day:02}")
            .expect("text");
        for seq in 0..chance.below(4) {
            let (subscribed, paid) = (chance.below(9_000), chance.below(9_000));
            writeln!(shares, "{code},{seq},holder,{subscribed}.5,{paid}.25").expect("text");
        }
        for year in 0..chance.below(3) {
            writeln!(reports, "{code},{},{}.10,7,2020-01-01", 2016 + year, chance.below(999))
                .expect("text");
        }
    }
    for n in 0..150 {
        let (holder, days) = (firm(chance.below(70)), 1 + chance.below(28));
        let kind = if n % 7 == 0 { "111" } else { "001" };
        writeln!(licences, "L{n},{kind},{holder},01,2019-01-01,2020-0{}-{days:02}", 1 + n % 9)
            .expect("text");
    }
    let mut inputs = MemoryInputs::default();
    let tables = [
        ("le_entity", entities),
        ("le_shareholder", shares),
        ("le_annual_report", reports),
        ("lic_licence", licences),
    ];
    for (dataset, csv) in tables {
        inputs.insert(dataset, city.rows(dataset, &csv));
    }
    for utility in ["water", "power", "gas"] {
        let (accounts, bills) = random_utility(&mut chance, firm);
        let (account, bill) = (format!("{utility}_account"), format!("{utility}_bill"));
        inputs.insert(&account, city.rows(&account, &accounts));
        inputs.insert(&bill, city.rows(&bill, &bills));
    }
    inputs
}

fn random_utility(chance: &mut Chance, firm: impl Fn(u64) -> String) -> (String, String) {
    let mut accounts = String::from("account_no,holder_code_type,holder_code\n");
    let mut bills = String::from(
        "account_no,bill_month,qty,amount,paid_amount,due_date,paid_date,pay_status\n",
    );
    for n in 0..80 {
        let holder = if n % 11 == 0 { String::new() } else { firm(chance.below(60)) };
        if n % 13 != 0 {
            writeln!(accounts, "{n:010},001,{holder}").expect("text");
        }
        for month in 0..chance.below(26) {
            let (year, month) = (2018 + month / 12, 1 + month % 12);
            let (qty, late) = (chance.below(9_999), chance.below(3));
            let (paid, status) = [("", "3"), ("2020-03-30", "1"), ("2018-01-01", "1")]
                [usize::try_from(late).expect("small")];
            let due = format!("{year}-{month:02}-28");
            let start = format!("{year}-{month:02}-01");
            writeln!(bills, "{n:010},{start},{qty}.01,{qty}.10,0.05,{due},{paid},{status}")
                .expect("text");
        }
    }
    (accounts, bills)
}

fn as_of(date: &str, buckets_per_pass: u32) -> Request {
    Request {
        parameters: [("as_of".to_owned(), date.to_owned())].into(),
        budget: Budget { buckets_per_pass, ..Budget::default() },
        ..Request::default()
    }
}

#[tokio::test]
async fn buckets_together_are_the_unrestricted_query() {
    let city = City::load();
    let inputs = random_city(&city, 7);
    let known = ["enterprise_profile", "utility_stability"];
    for spec in city.project.tables.iter().filter(|t| known.contains(&t.table.as_str())) {
        let mut builds = Vec::new();
        // All buckets in one pass is the query on inputs that are not restricted at all.
        for step in [spec.buckets, 1, 3] {
            let target = MemoryTarget::default();
            let ports = Ports { inputs: &inputs, target: &target };
            let declared = city.declarations();
            let built = refresh(spec, declared, ports, &as_of("2020-04-07", step)).await;
            let built = built.expect("builds").built.expect("there was nothing before");
            assert!(built.row_count > 20, "{}: {} rows", spec.full_name(), built.row_count);
            let committed = target.committed(&spec.full_name()).expect("committed");
            let rows = concat_batches(&schema_of(spec), &committed.rows).expect("one schema");
            let of = |name: &String| SortColumn {
                values: rows.column_by_name(name).expect("a key column").clone(),
                options: None,
            };
            let by: Vec<SortColumn> = spec.key.iter().map(of).collect();
            let order = lexsort_to_indices(&by, None).expect("keys have an order");
            builds.push(take_record_batch(&rows, &order).expect("rows of the same batch"));
        }
        assert_eq!(builds[0], builds[1], "{}: bucket by bucket", spec.full_name());
        assert_eq!(builds[0], builds[2], "{}: three at a time", spec.full_name());
    }
}

fn schema_of(spec: &TableSpec) -> arrow::datatypes::SchemaRef {
    crate::schema::declared(spec)
}

/// A table over one dataset `firm(uscc, size)` with three rows.
fn small(query: &str) -> (TableSpec, Vec<Arc<Contract>>, MemoryInputs) {
    let columns =
        [("uscc", DataType::String, Protect::Keep), ("size", DataType::Integer, Protect::Keep)];
    let contract = contract_of("firm", &columns);
    let rows = from_csv("uscc,size\n91A,1\n91B,2\n91C,3\n", &contract.stored_fields(false), "firm");
    let mut inputs = MemoryInputs::default();
    inputs.insert("firm", vec![rows.expect("rows fit")]);
    let mut spec = spec_of(&[("uscc", "string"), ("size", "int32")], query);
    spec.inputs = vec![by("firm", "uscc")];
    (spec, vec![Arc::new(contract)], inputs)
}

async fn run(
    (spec, contracts, inputs): &(TableSpec, Vec<Arc<Contract>>, MemoryInputs),
    parameters: &[(&str, &str)],
) -> (Result<Built, Error>, MemoryTarget) {
    let target = MemoryTarget::default();
    let catalogue = Catalogue::default();
    let declared = Declarations { contracts, tables: &[], catalogue: &catalogue };
    let ports = Ports { inputs, target: &target };
    let parameters = parameters.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let request = Request { parameters, ..Request::default() };
    let built = refresh(spec, declared, ports, &request).await;
    (built.map(|done| done.built.expect("there was nothing before")), target)
}

fn check(name: &str, severity: Severity, sql: &str) -> Check {
    Check { name: name.to_owned(), severity, sql: sql.to_owned() }
}

#[tokio::test]
async fn a_failing_check_leaves_the_target_as_it_was() {
    let mut table = small("SELECT uscc, size FROM firm");
    table.0.checks = vec![
        check("small", Severity::Fail, "SELECT uscc FROM staged WHERE size >= 2"),
        check("odd", Severity::Warn, "SELECT uscc FROM staged WHERE size % 2 = 1"),
    ];
    let (built, target) = run(&table, &[]).await;
    let error = built.expect_err("two firms are too large");
    assert_eq!(error.kind, ErrorKind::Contract);
    assert_eq!(error.message, "table s.t is not committed: check `small` finds 2 rows");
    assert!(target.committed("s.t").is_none());
}

#[tokio::test]
async fn a_warning_is_recorded_and_the_table_committed() {
    let mut table = small("SELECT uscc, size FROM firm");
    let sql = "SELECT s.uscc FROM staged s JOIN firm f ON f.uscc = s.uscc WHERE f.size > 1";
    table.0.checks = vec![check("large", Severity::Warn, sql)];
    let (built, target) = run(&table, &[]).await;
    let built = built.expect("a warning does not stop it");
    let outcome =
        CheckOutcome { name: "large".into(), severity: Severity::Warn, offending_count: 2 };
    assert_eq!((built.row_count, built.checks.as_slice()), (3, &[outcome][..]));
    let record = target.committed("s.t").expect("committed").record;
    assert_eq!(record.versions(), [("firm".to_owned(), 0)].into());
    assert_eq!(record.to_json()["checks"][0]["offending_count"], 2);
}

#[tokio::test]
async fn parameters_are_values_and_never_text() {
    let mut table = small("SELECT uscc, size FROM firm WHERE uscc <> $code AND size > $least");
    table.0.parameters = vec![parameter("code", "string"), parameter("least", "int32")];
    let (built, _) = run(&table, &[("code", "x' OR '1' = '1"), ("least", "1")]).await;
    assert_eq!(built.expect("text stays text").row_count, 2);
    let (built, _) = run(&table, &[("code", "x"), ("least", "1 OR TRUE")]).await;
    let message = built.expect_err("no number").message;
    assert_eq!(message, "parameter `least` is of type int32, found `1 OR TRUE`");
    let (built, _) = run(&table, &[("code", "x")]).await;
    assert_eq!(built.expect_err("missing").message, "table s.t needs parameter `least`");
    let (built, _) = run(&table, &[("code", "x"), ("least", "1"), ("most", "2")]).await;
    assert_eq!(built.expect_err("unknown").kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_result_that_differs_from_the_declaration_is_not_committed() {
    let (built, target) =
        run(&small("SELECT uscc, CAST(size AS BIGINT) AS size FROM firm"), &[]).await;
    assert_eq!(
        built.expect_err("other type").message,
        "table s.t: column `size` is declared as int32, the query yields int64"
    );
    assert!(target.committed("s.t").is_none());
    let query = "SELECT CASE WHEN size > 1 THEN uscc END AS uscc, size FROM firm";
    let (built, _) = run(&small(query), &[]).await;
    let message = built.expect_err("null key").message;
    assert!(message.contains("key column `uscc` is null"), "{message}");
}

#[tokio::test]
async fn a_row_of_another_identity_is_refused() {
    // The identity is turned round on the way, so restricting by `uscc` picks other rows.
    let query = "SELECT reverse(uscc) AS uscc, size FROM firm";
    let (built, _) = run(&small(query), &[]).await;
    let error = built.expect_err("foreign rows");
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("yield a row whose identity is of bucket"), "{error}");
}

#[tokio::test]
async fn a_query_of_chance_or_with_side_effects_does_not_run() {
    for query in ["SELECT uscc, CAST(random() AS INT) AS size FROM firm", "CREATE TABLE x (a INT)"]
    {
        let (built, _) = run(&small(query), &[]).await;
        assert_eq!(built.expect_err(query).kind, ErrorKind::Invalid);
    }
}

#[test]
fn the_hash_of_a_query_covers_its_views() {
    let spec = small("SELECT uscc, size FROM firm").0;
    let view = View { name: "v".into(), sql: "SELECT uscc FROM firm".into() };
    let with = hash::of(&spec, &Catalogue::new(vec![view], Vec::new()));
    assert_ne!(with, hash::of(&spec, &Catalogue::default()));
}
