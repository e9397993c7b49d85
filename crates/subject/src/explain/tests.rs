//! Rows over tables in memory; what has to be shown is worked out by hand.

use super::*;
use crate::catalogue::{Catalogue, Dimension, View};
use crate::memory::{MemoryInputs, MemoryTarget};
use crate::refresh::{Request, refresh};
use crate::rows::from_csv;
use crate::testing::{by, contract_of, spec_of};
use arrow::array::AsArray;
use huiliu_model::{Contract, DataType, Protect};
use huiliu_spec::table::InputKind;

struct World {
    spec: TableSpec,
    contracts: Vec<Arc<Contract>>,
    catalogue: Catalogue,
    inputs: MemoryInputs,
    target: MemoryTarget,
}

/// Sales by shop and month with the name of the shop's region, of which only one is joined.
fn world() -> World {
    let text = |name| (name, DataType::String, Protect::Keep);
    let shop = contract_of("shop", &[text("shop"), text("region")]);
    let sale = contract_of("sale", &[text("sale"), text("shop"), text("month")]);
    let query = "SELECT s.shop, m.month, m.sales, r.name AS region FROM shop s \
                 JOIN (SELECT shop, month, count(*) AS sales FROM sale_of_shop \
                 GROUP BY shop, month) m ON m.shop = s.shop \
                 LEFT JOIN region r ON r.code = s.region";
    let mut spec = spec_of(
        &[("shop", "string"), ("month", "string"), ("sales", "int64"), ("region", "string")],
        query,
    );
    spec.key = vec!["shop".into(), "month".into()];
    let region = Input { name: "region".into(), kind: InputKind::Dimension, reach: Reach::All };
    spec.inputs = vec![by("shop", "shop"), by("sale", "shop"), region];
    let field = |name| arrow::datatypes::Field::new(name, arrow::datatypes::DataType::Utf8, true);
    let regions = from_csv("code,name\n1,north\n2,south\n", &[field("code"), field("name")], "r");
    let catalogue = Catalogue::new(
        vec![View { name: "sale_of_shop".into(), sql: "SELECT shop, month FROM sale".into() }],
        vec![Dimension { name: "region".into(), rows: regions.expect("it fits") }],
    );
    let mut inputs = MemoryInputs::default();
    let rows = |contract: &Contract, csv| {
        vec![from_csv(csv, &contract.stored_fields(false), "given").expect("it fits")]
    };
    inputs.insert("shop", rows(&shop, "shop,region\na,2\nb,1\nc,1\n"));
    let sales = "sale,shop,month\n4,a,jan\n1,a,jan\n2,a,feb\n3,b,jan\n";
    inputs.insert("sale", rows(&sale, sales));
    let contracts = vec![Arc::new(shop), Arc::new(sale)];
    World { spec, contracts, catalogue, inputs, target: MemoryTarget::default() }
}

impl World {
    fn declared(&self) -> Declarations<'_> {
        let tables = std::slice::from_ref(&self.spec);
        Declarations { contracts: &self.contracts, tables, catalogue: &self.catalogue }
    }

    /// Builds the table, and makes what was built readable as an input.
    async fn build(&mut self) {
        let ports = Ports { inputs: &self.inputs, target: &self.target };
        let request = Request::default();
        refresh(&self.spec, self.declared(), ports, &request).await.expect("it builds");
        let rows = self.target.committed(&self.spec.full_name()).expect("it is there").rows;
        self.inputs.insert(&self.spec.full_name(), rows);
    }

    async fn explain(&self, shop: &str, month: &str) -> Explained {
        let key = [("shop", shop), ("month", month)];
        let key = key.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let ports = Ports { inputs: &self.inputs, target: &self.target };
        let budget = Budget::default();
        explain(&self.spec, self.declared(), ports, &key, &budget).await.expect("it explains")
    }
}

/// First columns of the rows of every input.
fn shown(explained: &Explained) -> Vec<Vec<String>> {
    let texts = |rows: &InputRows| match &rows.extent {
        Extent::Rows(rows) => {
            rows.column(0).as_string::<i32>().iter().flatten().map(str::to_owned).collect()
        }
        Extent::Whole(count) => vec![format!("all {count}")],
    };
    explained.inputs.iter().map(texts).collect()
}

#[tokio::test]
async fn a_row_has_the_rows_of_its_identity_and_group_and_what_is_joined() {
    let mut world = world();
    world.build().await;
    let found = world.explain("a", "jan").await;
    // Sales of january only, sorted by key; of the code list the region of the shop.
    assert_eq!(shown(&found), [vec!["a"], vec!["1", "4"], vec!["2"]]);
    assert_eq!(found.inputs[1].narrowed, [("month".to_owned(), "month".to_owned())]);
    assert!(found.inputs[0].narrowed.is_empty());
    assert_eq!(found.rebuilt, Some(Rebuilt::Equal));
    assert!(found.is_same_query && found.not_as_read.is_none());
    let row = found.row.expect("it is there");
    assert_eq!(row.column(3).as_string::<i32>().value(0), "south");
}

#[tokio::test]
async fn inputs_are_shown_at_the_versions_that_were_read() {
    let mut world = world();
    world.build().await;
    let fields = world.contracts[1].stored_fields(false);
    let later = from_csv("sale,shop,month\n9,a,jan\n", &fields, "given").expect("it fits");
    world.inputs.insert("sale", vec![later]);
    let found = world.explain("a", "jan").await;
    assert_eq!(shown(&found)[1], ["1", "4"]);
    assert_eq!(found.inputs[1].version, Some(0));
}

#[tokio::test]
async fn a_row_that_is_not_there_is_tried_and_its_inputs_are_counted() {
    let mut world = world();
    world.build().await;
    let found = world.explain("c", "jan").await;
    assert!(found.row.is_none());
    assert_eq!(found.rebuilt, Some(Rebuilt::Equal));
    assert_eq!(shown(&found)[..2], [vec!["c".to_owned()], vec![]]);
}

#[tokio::test]
async fn a_table_that_is_not_what_its_inputs_give_is_found_out() {
    let mut world = world();
    world.build().await;
    let rows = world.target.committed("s.t").expect("it is there").rows;
    let all = concat_batches(&rows[0].schema(), &rows).expect("one schema");
    // A hand takes the first row away: shop a in february.
    let rest = all.slice(1, all.num_rows() - 1);
    world.inputs.insert("s.t", vec![rest.clone()]);
    assert_eq!(world.explain("a", "feb").await.rebuilt, Some(Rebuilt::Missing));
    // Another adds a sale to january.
    let mut columns = rest.columns().to_vec();
    columns[2] = Arc::new(arrow::array::Int64Array::from(vec![9; rest.num_rows()]));
    let changed = RecordBatch::try_new(rest.schema(), columns).expect("it fits");
    world.inputs.insert("s.t", vec![changed]);
    let found = world.explain("a", "jan").await.rebuilt;
    assert_eq!(found, Some(Rebuilt::Differs(vec!["sales".into()])));
}

#[tokio::test]
async fn a_query_that_changed_since_is_told_and_not_tried() {
    let mut world = world();
    world.build().await;
    world.spec.query = world.spec.query.replace("count(*)", "count(*) + 0");
    let found = world.explain("a", "jan").await;
    assert!(!found.is_same_query);
    assert_eq!(found.rebuilt, None);
    assert_eq!(shown(&found)[1], ["1", "4"]);
}

#[tokio::test]
async fn a_code_list_in_a_union_is_an_input_as_a_whole() {
    let mut world = world();
    world.spec.query = "SELECT s.shop, 'x' AS month, count(*) AS sales, max(r.name) AS region \
                        FROM shop s CROSS JOIN (SELECT max(name) AS name FROM region) r \
                        GROUP BY s.shop"
        .to_owned();
    world.build().await;
    assert_eq!(shown(&world.explain("a", "x").await)[2], ["all 2"]);
}

#[test]
fn a_key_of_another_type_is_refused() {
    let spec = spec_of(&[("d", "date")], "SELECT 1");
    let key = |value: &str| [("d".to_owned(), value.to_owned())].into();
    assert!(check_key(&spec, &key("2020-05-01")).is_ok());
    let error = check_key(&spec, &key("soon")).expect_err("no date");
    assert_eq!(error.message, "table s.t: `d` is to be a date");
    assert!(check_key(&spec, &BTreeMap::new()).is_err());
}

#[test]
fn the_sql_of_a_column_leads_through_steps_views_and_unions() {
    let views = [
        (
            "entity",
            "SELECT code, upper(name) AS label FROM firm UNION ALL SELECT id, name FROM club",
        ),
        ("other", "SELECT code, amount FROM bill"),
    ];
    let view = |(name, sql): (&str, &str)| View { name: name.into(), sql: sql.into() };
    let catalogue = Catalogue::new(views.map(view).to_vec(), Vec::new());
    let query = "WITH total AS (SELECT code, sum(amount) AS paid FROM other GROUP BY code) \
                 SELECT e.code, e.label, t.paid / 100 AS paid FROM entity e \
                 LEFT JOIN total t ON t.code = e.code";
    let spec = spec_of(&[("code", "string"), ("label", "string"), ("paid", "double")], query);
    let found = |column| {
        let found = expressions(&spec, &catalogue, column);
        found
            .into_iter()
            .map(|e| format!("{} {} = {}", e.place, e.column, e.sql))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found("paid"),
        [
            "query.sql paid = t.paid / 100",
            "query.sql, step total paid = sum(amount)",
            "view other amount = amount",
        ]
    );
    assert_eq!(found("label"), ["view entity label = upper(name)", "view entity label = name"]);
    assert_eq!(found("code"), ["view entity code = code", "view entity code = id"]);
    assert!(found("unknown").is_empty());
}
