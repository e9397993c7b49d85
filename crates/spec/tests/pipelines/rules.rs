//! Rules and checks against the domain's, field by field and in both directions.
//!
//! `data/rules.csv` has one line per field: the domain's words, the rules and the checks that
//! honour them, and a reason where the contract says more or less than the words.

use super::{project, records};
use huiliu_model::Contract;
use huiliu_model::contract::{Check, Rule};
use std::collections::{BTreeMap, BTreeSet};

/// Words of the domain that the type of a column honours by itself.
const TYPE_ALONE: [&str; 4] = ["", "DATE", "TS", "bool"];

fn names(contract: &Contract, indices: &[usize]) -> String {
    let names: Vec<_> = indices.iter().map(|&i| contract.columns[i].name.as_str()).collect();
    names.join(" ")
}

fn rule_text(contract: &Contract, rule: &Rule) -> String {
    let name = |index: &usize| contract.columns[*index].name.as_str();
    match rule {
        Rule::Named(named) => named.name().to_owned(),
        Rule::CodeList(list) => format!("code_list {list}"),
        Rule::OneOf(codes) => format!("one_of {}", codes.join(" ")),
        Rule::AtLeast(bound) => format!("at_least {bound}"),
        Rule::AtMost(bound) => format!("at_most {bound}"),
        Rule::Pattern(pattern) => format!("pattern {pattern}"),
        Rule::Length { min, max } => format!("length {min}..{max}"),
        Rule::NotBefore { column } => format!("not_before {}", name(column)),
        Rule::After { column } => format!("after {}", name(column)),
        Rule::Since(day) => format!("since {day}"),
        Rule::MonthStart => "month_start".to_owned(),
        Rule::NotFuture => "not_future".to_owned(),
        Rule::SexOf { column } => format!("sex_of {}", name(column)),
        Rule::BirthDateOf { column } => format!("birth_date_of {}", name(column)),
        Rule::SetWhen(when) => {
            format!("set_when {} {}", name(&when.column), when.values.join(" "))
        }
        Rule::RequiredWhen(when) => {
            format!("required_when {} {}", name(&when.column), when.values.join(" "))
        }
        Rule::AtMostOf { column, times } => format!("at_most_of {} {times}", name(column)),
        Rule::PrefixOf { column } => format!("prefix_of {}", name(column)),
        Rule::DifferenceOf { minuend, subtrahend } => {
            format!("difference_of {} {}", name(minuend), name(subtrahend))
        }
        Rule::YearBeforeEvent(years) => format!("year_before_event {years}"),
        Rule::Coordinates { latitude, system } => {
            let system = system.as_ref().map_or(String::new(), |s| format!(" {}", name(s)));
            format!("coordinates {}{system}", name(latitude))
        }
    }
}

/// The column a check is listed under, and its text.
fn check_text(contract: &Contract, check: &Check) -> (usize, String) {
    let by = |indices: &[usize]| format!("by {}", names(contract, indices));
    match check {
        Check::Reference { columns, to } => {
            let target = format!("{}({})", to.dataset, to.columns.join(" "));
            let others = columns[1..].iter().map(|&i| format!("{} ", contract.columns[i].name));
            (columns[0], format!("reference {}{target}", others.collect::<String>()))
        }
        Check::SumPer { column, by: group, from, to } => {
            (*column, format!("sum_per {from}..{to} {}", by(group)))
        }
        Check::OnePer { column, value, by: group } => {
            (*column, format!("one_per {value} {}", by(group)))
        }
        Check::NonDecreasing { column, by: group, order, rollover_over } => {
            let order = &contract.columns[*order].name;
            let rollover = rollover_over.map_or(String::new(), |r| format!(" rollover {r}"));
            (*column, format!("non_decreasing {} order {order}{rollover}", by(group)))
        }
        Check::Outlier { column, by: group, times_median } => {
            (*column, format!("outlier {times_median} {}", by(group)))
        }
        Check::Near { longitude, by: group, to, metres, .. } => {
            (*longitude, format!("near {} {metres} {}", to.dataset, by(group)))
        }
    }
}

type Spelled = (String, String);

/// Rules and checks per `dataset.field`, as the contracts have them.
fn spelled() -> BTreeMap<String, Spelled> {
    let mut all = BTreeMap::new();
    for contract in &project().contracts {
        let mut checks = BTreeMap::<usize, Vec<String>>::new();
        for check in &contract.checks {
            let (column, text) = check_text(contract, check);
            checks.entry(column).or_default().push(text);
        }
        for (index, column) in contract.columns.iter().enumerate() {
            let rules: Vec<_> = column.rules.iter().map(|r| rule_text(contract, r)).collect();
            let checks = checks.remove(&index).unwrap_or_default();
            let key = format!("{}.{}", contract.dataset, column.name);
            all.insert(key, (rules.join("; "), checks.join("; ")));
        }
    }
    all
}

#[test]
fn rules_are_those_of_the_domain() {
    let expected: BTreeMap<String, Spelled> = records(include_str!("../data/rules.csv"))
        .into_iter()
        .map(|record| {
            (format!("{}.{}", record[0], record[1]), (record[3].clone(), record[4].clone()))
        })
        .collect();
    let actual = spelled();
    let fields: BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    let differing: Vec<_> = fields
        .into_iter()
        .filter(|field| expected.get(*field) != actual.get(*field))
        .map(|field| {
            format!("{field}: domain {:?}, contract {:?}", expected.get(field), actual.get(field))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(actual.len(), 501);
}

/// The list of rules repeats the domain's words, and leaves none without a rule or a reason.
#[test]
fn every_rule_of_the_domain_has_an_answer() {
    let fields = records(include_str!("../data/fields.csv"));
    let answers = records(include_str!("../data/rules.csv"));
    let told: Vec<_> = fields.iter().map(|field| [0, 2, 7].map(|at: usize| &field[at])).collect();
    let repeated: Vec<_> =
        answers.iter().map(|answer| [0, 1, 2].map(|at: usize| &answer[at])).collect();
    assert_eq!(repeated, told);
    for answer in &answers {
        let [domain, rules, checks, why] = [2, 3, 4, 5].map(|at: usize| answer[at].as_str());
        let honoured = !rules.is_empty() || !checks.is_empty() || TYPE_ALONE.contains(&domain);
        assert!(honoured || !why.is_empty(), "{}.{}: {domain}", answer[0], answer[1]);
        let more = TYPE_ALONE[1..].contains(&domain) && !rules.is_empty();
        assert!(!more || !why.is_empty(), "{}.{} has no reason", answer[0], answer[1]);
    }
}

/// Months are stored as their first day; bills and monthly sums join on it.
#[test]
fn months_of_the_domain_begin_on_their_first_day() {
    let answers = records(include_str!("../data/fields.csv"));
    let months: BTreeSet<_> = answers
        .iter()
        .filter(|record| record[7] == "MONTH" || record[7] == "first day of month")
        .map(|record| format!("{}.{}", record[0], record[2]))
        .collect();
    assert_eq!(months.len(), 8);
    let has_rule = |(_, (rules, _)): &(String, Spelled)| rules == "month_start";
    let actual: BTreeSet<_> = spelled().into_iter().filter(has_rule).map(|(k, _)| k).collect();
    assert_eq!(actual, months);
}
