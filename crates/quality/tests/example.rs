//! The worked example of the domain specification, 4.4.

use chrono::NaiveDate;
use huiliu_model::Score;
use huiliu_quality::{
    Collected, CollectionGate, Cycle, Delivery, Figure, Period, Resource, Scorecard, State,
    collect, scorecard,
};
use serde_json::Value;

struct Titles;

impl huiliu_quality::Titles for Titles {
    fn provider(&self, _: &str) -> String {
        "市公安局".to_owned()
    }

    fn field(&self, _: &str, field: &str) -> String {
        field.to_owned()
    }
}

fn example() -> Value {
    serde_json::from_str(include_str!("quality_example.json")).expect("valid JSON")
}

fn figures(example: &Value) -> Vec<Figure> {
    let fields = example["fields"].as_object().expect("fields");
    let figure = |(field, counts): (&String, &Value)| Figure {
        dataset: "np_person".to_owned(),
        department: "115000000".to_owned(),
        field: Some(field.clone()),
        rule: None,
        score: Score {
            checked: counts["checked"].as_u64().expect("a count"),
            passed_raw: counts["passed"].as_u64().expect("a count"),
            passed: counts["passed"].as_u64().expect("a count"),
        },
        findings: 0,
    };
    fields.iter().map(figure).collect()
}

fn card(example: &Value) -> Scorecard {
    scorecard("2020-06".to_owned(), &figures(example), Vec::new(), &Titles)
}

#[test]
fn the_field_pass_rate_is_that_of_the_example() {
    let example = example();
    let card = card(&example);
    assert_eq!((card.cells.checked, card.cells.passed_raw), (4_750, 4_475));
    let rate = card.field_pass_rate.expect("cells were checked");
    assert!((rate - example["cell_pass_rate"].as_f64().expect("a rate")).abs() < 5e-7, "{rate}");
    assert_eq!(card.field_share, example["field_share_at_0.95"].as_f64());
    assert_eq!(card.field_gate_passed, Some(true));
    let rates: Vec<(&str, f64)> =
        card.fields.iter().map(|f| (f.field.as_str(), f.pass_rate.expect("checked"))).collect();
    assert_eq!(rates[0], ("phone", 0.8), "worst first");
    for (field, rate) in rates {
        let expected = example["fields"][field]["pass_rate"].as_f64().expect("a rate");
        assert!((rate - expected).abs() < 5e-7, "{field}: {rate}");
    }
}

/// Forty resources: one not connected, one late, the rest delivered on time.
fn resources() -> Vec<Collected> {
    let june = Period::parse("2020-06").expect("a month");
    let day = |d| NaiveDate::from_ymd_opt(2020, 6, d).expect("a day");
    let one = |number: u32| {
        let resource = Resource {
            department: "市公安局".to_owned(),
            code: number.to_string(),
            title: "资源".to_owned(),
            items: 10,
            cycle: Cycle::Month,
            due_days: Some(10),
            is_catalogued: true,
            dataset: (number > 0).then(|| format!("d{number}")),
        };
        let days = if number == 1 { [day(20)] } else { [day(5)] };
        let delivery = Delivery { days: days.into_iter().filter(|_| number > 0).collect() };
        collect(&resource, &delivery, june, day(30))
    };
    (0..40).map(one).collect()
}

#[test]
fn the_collection_rate_is_that_of_the_example_and_does_not_pass_the_gate() {
    let example = &example()["collection"];
    let gate = CollectionGate::of(&resources());
    assert_eq!(Some(gate.responsible), example["responsible_resources"].as_u64());
    assert_eq!(Some(gate.catalogued), example["catalogued"].as_u64());
    assert_eq!(Some(gate.connected), example["connected"].as_u64());
    assert_eq!(Some(gate.collected), example["on_time"].as_u64());
    assert_eq!(gate.collection_rate, example["collection_rate"].as_f64());
    // The gate is "more than 95 %", and this is 95 % exactly.
    assert_eq!(gate.gate_passed, Some(false));
    assert_eq!((gate.items_responsible, gate.items_collected), (400, 380));
}

#[test]
fn resources_that_fail_come_first() {
    let card = scorecard("2020-06".to_owned(), &[], resources(), &Titles);
    let states: Vec<State> = card.resources.iter().take(3).map(|held| held.state).collect();
    assert_eq!(states, [State::NotConnected, State::Late, State::Collected]);
    assert_eq!(card.field_pass_rate, None);
}

#[test]
fn repairs_do_not_lift_the_gate() {
    let figure = Figure {
        dataset: "d".to_owned(),
        department: String::new(),
        field: Some("f".to_owned()),
        rule: None,
        score: Score { checked: 10, passed_raw: 8, passed: 10 },
        findings: 0,
    };
    let card = scorecard("2020".to_owned(), &[figure], Vec::new(), &Titles);
    // 80 % exactly is not above 80 %.
    assert_eq!((card.field_pass_rate, card.field_gate_passed), (Some(0.8), Some(false)));
    assert_eq!(card.field_pass_rate_repaired, Some(1.0));
}
