//! What happens later to rows whose entities keep no state: a few rows per dataset are held, and
//! one of them goes a step on, is corrected or turns out to have been reported wrongly.

use crate::calendar::{DAY_US, Day, Micros, day_at};
use crate::dice::Dice;
use crate::envelope::Op;
use crate::fields::*;
use crate::row::{Row, Value, cents, date, flag, instant, text};
use crate::stream::City;

/// Rows that are held of a dataset.
const HELD_MAX: usize = 8;
/// Chance that a row takes the place of one that is held.
const TURNOVER: f64 = 0.05;

/// Datasets whose rows are held, with those among them that may be deleted.
const CHANGING: [(usize, bool); 27] = [
    (NP_HOUSEHOLD_MEMBER, false),
    (GEO_UNIT, false),
    (GEO_RIGHT, true),
    (WATER_READING, false),
    (POWER_READING, false),
    (GAS_READING, false),
    (TELECOM_MONTH, true),
    (PRT_SECTION, false),
    (POOL_PERMIT, true),
    (POOL_PENALTY, true),
    (POOL_BLACKLIST, true),
    (POOL_ABNORMAL, true),
    (POOL_TAX_MONTH, true),
    (POOL_SI_MONTH, true),
    (POOL_HF_MONTH, true),
    (POOL_LOAN, true),
    (POOL_PROJECT, false),
    (POOL_PROJECT_STEP, false),
    (POOL_PROJECT_MONTH, true),
    (POOL_GOV_ITEM, false),
    (POOL_GOV_CASE, true),
    (POOL_POV_HOUSEHOLD, false),
    (POOL_POV_MEMBER, false),
    (POOL_POV_INCOME, true),
    (POOL_POV_MEASURE, false),
    (POOL_MEDICAL_BILL, false),
    (POOL_EPI_TEST, false),
];

impl City {
    /// Perhaps holds a row for later.
    pub(crate) fn hold(&mut self, row: &Row) {
        let may_change = |(index, _): &(usize, bool)| *index == row.dataset;
        if !CHANGING.iter().any(may_change) {
            return;
        }
        let held = &mut self.held[row.dataset];
        if held.len() < HELD_MAX {
            held.push(row.clone());
        } else if self.flow.chance(TURNOVER) {
            let place = self.flow.index(HELD_MAX);
            held[place] = row.clone();
        }
    }

    /// A step of a row that is held: a new state, a correction, or a delete.
    pub(crate) fn change_held(&mut self) {
        let (index, may_go) = self.flow.pick(&CHANGING);
        if self.held[index].is_empty() {
            return;
        }
        let place = self.flow.index(self.held[index].len());
        let before = self.held[index].swap_remove(place);
        if may_go && self.flow.chance(0.12) {
            self.delete(before);
            return;
        }
        let mut after = before.clone();
        let now = self.now();
        if step(&mut after, now, &mut self.flow) {
            let stamp = after.values.len() - 1;
            if matches!(after.values[stamp], Value::Instant(_)) {
                after.values[stamp] = instant(now);
            }
            self.held[index].push(after.clone());
            if after.dataset().is_append {
                self.emit(Op::Create, now, None, Some(after));
            } else {
                self.update(before, after, false);
            }
        }
    }
}

/// Takes the row a step on; `false` if it has come to its end.
fn step(row: &mut Row, now: Micros, dice: &mut Dice) -> bool {
    let today = day_at(now);
    let values = &mut row.values;
    match row.dataset {
        NP_HOUSEHOLD_MEMBER if values[3] == flag(false) => set(&mut values[6], date(today)),
        GEO_UNIT => add(&mut values[5], 500),
        GEO_RIGHT if values[8] == flag(true) => {
            values[8] = flag(false);
            values[9] = Value::Null;
            true
        }
        GEO_RIGHT => {
            values[8] = flag(true);
            values[9] = cents(dice.between(20, 900) * 100);
            true
        }
        WATER_READING | POWER_READING | GAS_READING => go(&mut values[5], &[("1", "0")]),
        TELECOM_MONTH => replace(&mut values[5], cents(0)),
        PRT_SECTION => go(&mut values[10], &[("1", "5"), ("2", "4")]),
        POOL_PERMIT => go(&mut values[10], &[("1", "2")]),
        POOL_PENALTY => replace(&mut values[12], flag(true)),
        POOL_BLACKLIST => set(&mut values[5], date(today)),
        POOL_ABNORMAL => set(&mut values[3], date(today)),
        POOL_TAX_MONTH => {
            values[4] = values[3].clone();
            values[5] = cents(0);
            add(&mut values[2], 10_000)
        }
        POOL_SI_MONTH => {
            let payable = values[3].clone();
            replace(&mut values[4], payable)
        }
        POOL_HF_MONTH => add(&mut values[3], 9_600),
        POOL_LOAN => step_loan(values),
        POOL_PROJECT => step_project(values, today),
        POOL_PROJECT_STEP => set(&mut values[8], instant(now)) && set(&mut values[9], text("1")),
        POOL_PROJECT_MONTH => add(&mut values[2], 1_000),
        POOL_GOV_ITEM => replace(&mut values[8], Value::Int(0)),
        POOL_GOV_CASE => step_case(values, now),
        POOL_POV_HOUSEHOLD => set(&mut values[7], date(today)) || go(&mut values[8], &[("C", "B")]),
        POOL_POV_MEMBER => {
            replace(&mut values[7], flag(true)) || replace(&mut values[9], flag(true))
        }
        POOL_POV_INCOME => add(&mut values[2], 12_000),
        POOL_POV_MEASURE => add(&mut values[3], 10_000),
        POOL_MEDICAL_BILL => add(&mut values[4], 100) && add(&mut values[5], -100),
        POOL_EPI_TEST => set(&mut values[3], instant(now)) && go(&mut values[4], &[("9", "0")]),
        _ => false,
    }
}

/// Applied for → granted; lent → repaid.
fn step_loan(values: &mut [Value]) -> bool {
    match &values[12] {
        Value::Text(state) if state == "1" => {
            values[4] = cents(5_000);
            values[12] = text("2");
            true
        }
        Value::Text(state) if state == "3" => {
            values[9] = cents(0);
            values[10] = Value::Int(0);
            values[12] = text("5");
            true
        }
        _ => false,
    }
}

fn step_project(values: &mut [Value], today: Day) -> bool {
    let moved = go(&mut values[12], &[("1", "2"), ("2", "3"), ("3", "4")]);
    if values[12] == text("3") {
        set(&mut values[9], date(today));
    }
    if values[12] == text("4") {
        set(&mut values[10], date(today));
    }
    moved
}

/// Applied → accepted → finished → rated.
fn step_case(values: &mut [Value], now: Micros) -> bool {
    if set(&mut values[5], instant(now)) {
        return true;
    }
    if set(&mut values[6], instant(now)) {
        return set(&mut values[8], text("1"));
    }
    let Value::Instant(finished) = values[6] else { return false };
    now - finished < 60 * DAY_US && set(&mut values[11], Value::Int(5))
}

/// Sets what was not known.
fn set(value: &mut Value, new: Value) -> bool {
    let is_new = *value == Value::Null;
    if is_new {
        *value = new;
    }
    is_new
}

/// Replaces a value, if that changes anything.
fn replace(value: &mut Value, new: Value) -> bool {
    let changes = *value != new;
    *value = new;
    changes
}

/// Adds to the digits of a decimal.
fn add(value: &mut Value, digits: i64) -> bool {
    match value {
        Value::Scaled(sum, _) => {
            *sum += digits;
            true
        }
        _ => false,
    }
}

/// Goes from one code to the next.
fn go(value: &mut Value, ways: &[(&str, &'static str)]) -> bool {
    let Value::Text(code) = value else { return false };
    let Some((_, next)) = ways.iter().find(|(from, _)| *from == code.as_ref()) else {
        return false;
    };
    *value = text(*next);
    true
}
