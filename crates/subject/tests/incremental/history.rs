//! Random histories: what happens to the inputs of a table, and how to make less of it.

use crate::world::{Outcome, Project, check};
use huiliu_model::{Contract, DataType};
use huiliu_spec::table::TableSpec;
use std::collections::BTreeMap;
use std::fmt;

/// A row as text, one cell for each stored column; `None` is null.
pub type Cells = Vec<Option<String>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Put {
        dataset: String,
        cells: Cells,
    },
    Delete {
        dataset: String,
        key: Vec<Option<String>>,
    },
    /// A commit that changes nothing: what was told is told again.
    Again {
        dataset: String,
    },
}

/// A first state, and what happens between two refreshes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub steps: Vec<Vec<Op>>,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "  step {number}")?;
            for op in step {
                let text = |cells: &[Option<String>]| {
                    let cells = cells.iter().map(|c| c.as_deref().unwrap_or("null"));
                    cells.collect::<Vec<_>>().join(",")
                };
                match op {
                    Op::Put { dataset, cells } => writeln!(f, "    put {dataset} {}", text(cells))?,
                    Op::Delete { dataset, key } => writeln!(f, "    del {dataset} {}", text(key))?,
                    Op::Again { dataset } => writeln!(f, "    again {dataset}")?,
                }
            }
        }
        Ok(())
    }
}

/// A small generator of numbers (Knuth's MMIX constants), so that a seed replays a test.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        chance.below(2);
        chance
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.below(list.len() as u64);
        &list[usize::try_from(at).expect("small")]
    }
}

/// Identities and whatever else rows may meet by.
const CODES: [&str; 5] = ["91A", "91B", "92C", "11D", "500103E"];
const DIVISIONS: [&str; 3] = ["500101", "500103", "500112"];
const INDUSTRIES: [&str; 3] = ["0111", "2710", "6510"];
/// Stations of the dimension, in two counties, and one outside the city.
const STATIONS: [&str; 4] = ["CKG", "CUW", "WXN", "BXP"];
const SERVICES: [&str; 2] = ["G1", "G2"];
const PERSONS: [&str; 3] = ["P1", "P2", "P3"];
const TICKETS: [&str; 8] = ["1", "2", "3", "4", "5", "6", "7", "8"];
/// Days that have to be equal, or few days apart, before rows meet.
const NEAR: [&str; 4] = ["service_date", "confirm_date", "depart_time", "arrive_time"];
/// What else has to be known, and equal.
const SHARED: [&str; 2] = ["service_no", "citizen_id"];
/// Days before the day the tables count from: near ones, and some in each window.
const AGO: [i64; 14] = [-40, -5, 0, 1, 3, 8, 30, 45, 100, 200, 330, 400, 700, 1_500];
/// 2020-04-07.
const TODAY: i64 = 18_359;

impl History {
    pub fn random(project: &Project, table: &TableSpec, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let datasets = project.datasets_of(table);
        let words = Words::of(project, table);
        let mut live: BTreeMap<String, Vec<Cells>> = BTreeMap::new();
        let mut steps = vec![Vec::new()];
        for contract in &datasets {
            for _ in 0..2 + chance.below(9) {
                let cells = words.row(contract, &mut chance);
                steps[0].push(put(contract, cells, &mut live));
            }
        }
        for _ in 0..1 + chance.below(3) {
            let mut step = Vec::new();
            for _ in 0..1 + chance.below(6) {
                let contract = *chance.pick(&datasets);
                step.extend(words.change(contract, &mut chance, &mut live));
            }
            steps.push(step);
        }
        Self { steps }
    }
}

fn key_of(contract: &Contract, cells: &Cells) -> Vec<Option<String>> {
    let fields = contract.stored_fields(false);
    let at = |name: &&str| fields.iter().position(|f| f.name() == name).expect("a key is stored");
    contract.key_names().iter().map(|name| cells[at(name)].clone()).collect()
}

fn put(contract: &Contract, cells: Cells, live: &mut BTreeMap<String, Vec<Cells>>) -> Op {
    let dataset = contract.dataset.to_string();
    let rows = live.entry(dataset.clone()).or_default();
    let key = key_of(contract, &cells);
    rows.retain(|row| key_of(contract, row) != key);
    rows.push(cells.clone());
    Op::Put { dataset, cells }
}

/// Literals that the query and its views compare each column with.
struct Words {
    of_column: BTreeMap<String, Vec<String>>,
}

impl Words {
    fn of(project: &Project, table: &TableSpec) -> Self {
        let mut of_column: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for sql in project.sql_of(table) {
            for (column, literal) in compared(&sql) {
                let known = of_column.entry(column).or_default();
                if !known.contains(&literal) {
                    known.push(literal);
                }
            }
        }
        Self { of_column }
    }

    fn row(&self, contract: &Contract, chance: &mut Chance) -> Cells {
        let columns = contract.columns.iter().enumerate();
        columns.map(|(at, _)| self.cell(contract, at, chance)).collect()
    }

    fn cell(&self, contract: &Contract, at: usize, chance: &mut Chance) -> Option<String> {
        let column = &contract.columns[at];
        let name = column.name.as_str();
        let one_in = if NEAR.contains(&name) || SHARED.contains(&name) { 20 } else { 5 };
        if !contract.key.contains(&at) && chance.below(one_in) == 0 {
            return None;
        }
        let number = |chance: &mut Chance| (chance.below(9) * chance.below(700)).to_string();
        Some(match column.data_type {
            DataType::String => self.text(name, chance),
            DataType::Integer if name.contains("year") => (2017 + chance.below(4)).to_string(),
            DataType::Integer | DataType::Long => chance.below(5).to_string(),
            DataType::Boolean => (chance.below(2) == 0).to_string(),
            DataType::Date if name.contains("month") => month(chance),
            DataType::Date => day(name, chance),
            DataType::Timestamp => format!("{}T{:02}:30:00Z", day(name, chance), chance.below(24)),
            _ => number(chance),
        })
    }

    fn text(&self, name: &str, chance: &mut Chance) -> String {
        let known = self.of_column.get(name).filter(|_| chance.below(8) > 0);
        if let Some(known) = known {
            return chance.pick(known).clone();
        }
        let pool: &[&str] = match name {
            _ if name.contains("division") => &DIVISIONS,
            _ if name.contains("industry") => &INDUSTRIES,
            "board_code" | "alight_code" => &STATIONS,
            "service_no" => &SERVICES,
            "ticket_no" => &TICKETS,
            "citizen_id" => &PERSONS,
            _ => &CODES,
        };
        (*chance.pick(pool)).to_owned()
    }

    /// One thing that happens to a dataset.
    fn change(
        &self,
        contract: &Contract,
        chance: &mut Chance,
        live: &mut BTreeMap<String, Vec<Cells>>,
    ) -> Vec<Op> {
        let dataset = contract.dataset.to_string();
        let rows = live.get(&dataset).cloned().unwrap_or_default();
        if rows.is_empty() || chance.below(4) == 0 {
            return vec![put(contract, self.row(contract, chance), live)];
        }
        let old = chance.pick(&rows).clone();
        let deletion = |live: &mut BTreeMap<String, Vec<Cells>>| {
            let key = key_of(contract, &old);
            live.entry(dataset.clone()).or_default().retain(|row| *row != old);
            Op::Delete { dataset: dataset.clone(), key }
        };
        match chance.below(8) {
            0 => vec![Op::Again { dataset }],
            1 | 2 => vec![deletion(live)],
            3 => {
                // Another key, all else as it was.
                let gone = deletion(live);
                let mut moved = old.clone();
                for &at in &contract.key {
                    moved[at] = self.cell(contract, at, chance);
                }
                vec![gone, put(contract, moved, live)]
            }
            _ => {
                let mut changed = old.clone();
                for _ in 0..1 + chance.below(3) {
                    let at = usize::try_from(chance.below(changed.len() as u64)).expect("small");
                    if !contract.key.contains(&at) {
                        changed[at] = self.cell(contract, at, chance);
                    }
                }
                vec![put(contract, changed, live)]
            }
        }
    }
}

fn day(column: &str, chance: &mut Chance) -> String {
    let ago = if NEAR.contains(&column) { 0 } else { *chance.pick(&AGO) };
    date(TODAY - ago - i64::try_from(chance.below(3)).expect("small"))
}

fn month(chance: &mut Chance) -> String {
    let back = i64::try_from(chance.below(27)).expect("small");
    let months = 2020 * 12 + 3 - back;
    format!("{}-{:02}-01", months.div_euclid(12), months.rem_euclid(12) + 1)
}

/// A day of the Gregorian calendar, from days since 1970 (Hinnant's algorithm).
fn date(days: i64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let part = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * part + 2) / 5 + 1, (part + 2) % 12 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

/// Every `column = 'literal'`, `column <> 'literal'` and `column IN ('literal', …)`.
fn compared(sql: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut parts = sql.split('\'');
    let mut before = parts.next().unwrap_or_default();
    let mut column = String::new();
    while let (Some(literal), Some(after)) = (parts.next(), parts.next()) {
        let head = before.trim_end().trim_end_matches('(').trim_end();
        if !before.trim().eq(",") {
            let head = head.trim_end_matches(['=', '<', '>', ' ']);
            let head = head.strip_suffix("NOT IN").or(head.strip_suffix("IN")).unwrap_or(head);
            let word = head.trim_end().rsplit(|c: char| !c.is_alphanumeric() && c != '_');
            column = word.into_iter().next().unwrap_or_default().to_owned();
        }
        if !column.is_empty() {
            found.push((column.clone(), literal.to_owned()));
        }
        before = after;
    }
    found
}

/// The smallest history near this one whose rows still differ, and how they differ.
pub async fn shrink(project: &Project, table: &TableSpec, history: History) -> (History, String) {
    let mut smallest = history;
    let mut told = differences(project, table, &smallest).await.unwrap_or_default();
    loop {
        let mut smaller = None;
        for candidate in reductions(&smallest) {
            if let Some(found) = differences(project, table, &candidate).await {
                smaller = Some((candidate, found));
                break;
            }
        }
        let Some((candidate, found)) = smaller else { return (smallest, told) };
        (smallest, told) = (candidate, found);
    }
}

fn reductions(history: &History) -> Vec<History> {
    let mut found = Vec::new();
    for step in (1..history.steps.len()).rev().filter(|_| history.steps.len() > 2) {
        let mut less = history.clone();
        less.steps.remove(step);
        found.push(less);
    }
    for (step, ops) in history.steps.iter().enumerate() {
        // Halves first, then one by one.
        let half = ops.len().div_ceil(2);
        for range in [0..half, half..ops.len()].into_iter().filter(|r| r.len() > 1) {
            let mut less = history.clone();
            less.steps[step].drain(range);
            found.push(less);
        }
        for at in (0..ops.len()).rev() {
            let mut less = history.clone();
            less.steps[step].remove(at);
            found.push(less);
        }
    }
    found
}

async fn differences(project: &Project, table: &TableSpec, history: &History) -> Option<String> {
    let outcomes = check(project, table, history).await;
    outcomes.into_iter().find_map(|outcome| match outcome {
        Outcome::Different(lines) => Some(lines),
        _ => None,
    })
}

#[test]
fn literals_are_found_beside_their_columns() {
    let sql = "WHERE a.kind = '1' AND status IN ('2', '3') OR x NOT IN ('4')";
    let found = compared(sql);
    let found: Vec<_> = found.iter().map(|(c, l)| (c.as_str(), l.as_str())).collect();
    assert_eq!(found, [("kind", "1"), ("status", "2"), ("status", "3"), ("x", "4")]);
}

#[test]
fn days_are_those_of_the_calendar() {
    assert_eq!(date(TODAY), "2020-04-07");
    assert_eq!([date(0), date(-1), date(11_016)], ["1970-01-01", "1969-12-31", "2000-02-29"]);
}
