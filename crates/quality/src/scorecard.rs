//! Scorecards: the figures of a period by department and field, worst first.

use crate::collection::{Collected, State};
use crate::dimension::Dimension;
use crate::figure::Figure;
use crate::{COLLECTION_GATE, FIELD_GATE, FIELD_SHARE_AT, rate};
use huiliu_model::Score;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything a bureau is shown of one period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scorecard {
    pub period: String,
    /// 字段合格率 of all cells: passed as delivered / checked.
    pub field_pass_rate: Option<f64>,
    pub field_pass_rate_repaired: Option<f64>,
    pub field_gate_passed: Option<bool>,
    /// Share of fields whose own rate is at least 95 %.
    pub field_share: Option<f64>,
    pub row_pass_rate: Option<f64>,
    pub cells: Cells,
    pub collection: CollectionGate,
    pub departments: Vec<DepartmentCard>,
    pub fields: Vec<FieldCard>,
    pub resources: Vec<Collected>,
}

/// Counts of cells or rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cells {
    pub checked: u64,
    pub passed_raw: u64,
    pub passed: u64,
}

impl From<Score> for Cells {
    fn from(score: Score) -> Self {
        Self { checked: score.checked, passed_raw: score.passed_raw, passed: score.passed }
    }
}

/// 归集率 of a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CollectionGate {
    pub responsible: u64,
    pub catalogued: u64,
    pub connected: u64,
    pub collected: u64,
    pub collection_rate: Option<f64>,
    pub gate_passed: Option<bool>,
    /// The same by fields of the resources.
    pub items_responsible: u64,
    pub items_collected: u64,
    pub item_rate: Option<f64>,
}

impl CollectionGate {
    pub fn of(resources: &[Collected]) -> Self {
        let count = |of: &dyn Fn(State) -> bool| {
            resources.iter().filter(|held| of(held.state)).count() as u64
        };
        let items = |of: &dyn Fn(State) -> bool| {
            resources.iter().filter(|held| of(held.state)).map(|held| held.items).sum::<u64>()
        };
        let (responsible, collected) = (resources.len() as u64, count(&|s| s == State::Collected));
        let collection_rate = rate(collected, responsible);
        let (items_responsible, items_collected) =
            (items(&|_| true), items(&|s| s == State::Collected));
        Self {
            responsible,
            catalogued: count(&|s| s > State::NotCatalogued),
            connected: count(&|s| s > State::NotConnected),
            collected,
            collection_rate,
            gate_passed: collection_rate.map(|rate| rate > COLLECTION_GATE),
            items_responsible,
            items_collected,
            item_rate: rate(items_collected, items_responsible),
        }
    }
}

/// One department's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DepartmentCard {
    /// Code as the records name it; empty when they name none.
    pub department: String,
    /// Providers of its datasets.
    pub title: String,
    pub datasets: Vec<String>,
    pub cells: Cells,
    pub rows: Cells,
    pub field_pass_rate: Option<f64>,
    pub field_pass_rate_repaired: Option<f64>,
    pub field_gate_passed: Option<bool>,
    pub field_share: Option<f64>,
    pub row_pass_rate: Option<f64>,
    /// One less the share of cells with a finding of the dimension; none where not measured.
    pub dimensions: BTreeMap<Dimension, Option<f64>>,
}

/// One field's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldCard {
    pub dataset: String,
    pub department: String,
    pub field: String,
    pub title: String,
    pub cells: Cells,
    pub pass_rate: Option<f64>,
    pub pass_rate_repaired: Option<f64>,
    /// Label of each finding and how often it was met, most frequent first.
    pub findings: Vec<(String, u64)>,
}

/// Titles for people: of a dataset's provider, and of a field.
pub trait Titles {
    fn provider(&self, dataset: &str) -> String;
    fn field(&self, dataset: &str, field: &str) -> String;
}

/// Sums figures up; departments and fields with the lowest rate come first.
pub fn scorecard(
    period: String,
    figures: &[Figure],
    resources: Vec<Collected>,
    titles: &dyn Titles,
) -> Scorecard {
    let fields = fields(figures, titles);
    let departments = departments(figures, &fields, &resources, titles);
    let cells = sum(figures.iter().filter(|f| f.field.is_some() && f.rule.is_none()));
    let rows = sum(figures.iter().filter(|f| f.field.is_none()));
    let field_pass_rate = rate(cells.passed_raw, cells.checked);
    let mut resources = resources;
    resources
        .sort_by(|a, b| (a.state, &a.department, &a.code).cmp(&(b.state, &b.department, &b.code)));
    Scorecard {
        period,
        field_pass_rate,
        field_pass_rate_repaired: rate(cells.passed, cells.checked),
        field_gate_passed: field_pass_rate.map(|rate| rate > FIELD_GATE),
        field_share: field_share(fields.iter()),
        row_pass_rate: rate(rows.passed_raw, rows.checked),
        cells: cells.into(),
        collection: CollectionGate::of(&resources),
        departments,
        fields,
        resources,
    }
}

fn sum<'a>(figures: impl Iterator<Item = &'a Figure>) -> Score {
    figures.fold(Score::default(), |mut sum, figure| {
        sum += figure.score;
        sum
    })
}

fn field_share<'a>(fields: impl Iterator<Item = &'a FieldCard>) -> Option<f64> {
    let rates: Vec<f64> = fields.filter_map(|field| field.pass_rate).collect();
    let good = rates.iter().filter(|rate| **rate >= FIELD_SHARE_AT).count();
    rate(good as u64, rates.len() as u64)
}

fn fields(figures: &[Figure], titles: &dyn Titles) -> Vec<FieldCard> {
    type Findings = BTreeMap<String, u64>;
    let mut sums: BTreeMap<(&str, &str, &str), (Score, Findings)> = BTreeMap::new();
    for figure in figures {
        let Some(field) = &figure.field else { continue };
        let held = sums.entry((&figure.dataset, &figure.department, field)).or_default();
        match &figure.rule {
            None => held.0 += figure.score,
            Some(rule) => *held.1.entry(rule.clone()).or_default() += figure.findings,
        }
    }
    let card = |((dataset, department, field), (score, findings)): (_, (Score, Findings))| {
        let mut findings: Vec<(String, u64)> = findings.into_iter().collect();
        findings.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        FieldCard {
            dataset: String::from(dataset),
            department: String::from(department),
            field: String::from(field),
            title: titles.field(dataset, field),
            cells: score.into(),
            pass_rate: rate(score.passed_raw, score.checked),
            pass_rate_repaired: rate(score.passed, score.checked),
            findings,
        }
    };
    let mut cards: Vec<FieldCard> = sums.into_iter().map(card).collect();
    cards.sort_by(|a, b| {
        worst_first(a.pass_rate, b.pass_rate).then(b.cells.checked.cmp(&a.cells.checked))
    });
    cards
}

fn departments(
    figures: &[Figure],
    fields: &[FieldCard],
    resources: &[Collected],
    titles: &dyn Titles,
) -> Vec<DepartmentCard> {
    let mut by_department: BTreeMap<&str, Vec<&Figure>> = BTreeMap::new();
    for figure in figures {
        by_department.entry(&figure.department).or_default().push(figure);
    }
    let card = |(department, figures): (&str, Vec<&Figure>)| {
        let cells = sum(figures.iter().copied().filter(|f| f.field.is_some() && f.rule.is_none()));
        let rows = sum(figures.iter().copied().filter(|f| f.field.is_none()));
        let mut datasets: Vec<String> = figures.iter().map(|f| f.dataset.clone()).collect();
        datasets.sort();
        datasets.dedup();
        let mut providers: Vec<String> = datasets.iter().map(|d| titles.provider(d)).collect();
        providers.sort();
        providers.dedup();
        let field_pass_rate = rate(cells.passed_raw, cells.checked);
        DepartmentCard {
            department: department.to_owned(),
            title: providers.join("、"),
            cells: cells.into(),
            rows: rows.into(),
            field_pass_rate,
            field_pass_rate_repaired: rate(cells.passed, cells.checked),
            field_gate_passed: field_pass_rate.map(|rate| rate > FIELD_GATE),
            field_share: field_share(fields.iter().filter(|f| f.department == department)),
            row_pass_rate: rate(rows.passed_raw, rows.checked),
            dimensions: dimensions(&figures, cells.checked, resources, &datasets),
            datasets,
        }
    };
    let mut cards: Vec<DepartmentCard> = by_department.into_iter().map(card).collect();
    cards.sort_by(|a, b| worst_first(a.field_pass_rate, b.field_pass_rate));
    cards
}

fn dimensions(
    figures: &[&Figure],
    checked: u64,
    resources: &[Collected],
    datasets: &[String],
) -> BTreeMap<Dimension, Option<f64>> {
    let mut found: BTreeMap<Dimension, u64> = BTreeMap::new();
    for figure in figures.iter().filter(|f| f.rule.is_some()) {
        let label = figure.rule.as_deref().unwrap_or_default();
        *found.entry(Dimension::of_finding(label)).or_default() += figure.findings;
    }
    let mine = resources
        .iter()
        .filter(|held| held.dataset.as_ref().is_some_and(|dataset| datasets.contains(dataset)));
    let (due, on_time) = mine.fold((0, 0), |(due, on_time), held| {
        (due + held.cycles_due, on_time + held.cycles_on_time)
    });
    let share = |dimension| match dimension {
        Dimension::Timeliness => rate(on_time, due),
        // Calls for data are counted where data is served, not here.
        Dimension::Accessibility => None,
        _ => {
            let findings = found.get(&dimension).copied().unwrap_or(0);
            rate(checked.saturating_sub(findings), checked)
        }
    };
    Dimension::ALL.into_iter().map(|dimension| (dimension, share(dimension))).collect()
}

fn worst_first(a: Option<f64>, b: Option<f64>) -> std::cmp::Ordering {
    a.unwrap_or(2.0).total_cmp(&b.unwrap_or(2.0))
}
