//! 归集率: which of the resources that a department owes arrived, complete and on time.
//!
//! A resource owes one delivery in each of its cycles. A cycle counts once it is over, or as soon
//! as something was delivered in it; a cycle that still runs is not held against anybody. Days
//! are those of Asia/Shanghai on which records reached Kafka. Whether a delivery was on time is
//! the share of cycles in which it came before `due_days` of the cycle had passed (domain
//! specification, 4.4; the letter gives no formula).

use crate::figure::Period;
use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;
use std::collections::BTreeSet;

/// A resource on the list of what a department owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub department: String,
    pub code: String,
    pub title: String,
    /// Fields it has.
    pub items: u64,
    pub cycle: Cycle,
    /// Days after a cycle's beginning within which it is due; none: until the cycle's end.
    pub due_days: Option<u32>,
    pub is_catalogued: bool,
    /// The dataset that receives it; none while it is not connected.
    pub dataset: Option<String>,
}

/// How often a resource is due, as the catalogue names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycle {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Cycle {
    /// 实时 counts as daily: there must be something every day.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "实时" | "每日" => Some(Self::Day),
            "每周" => Some(Self::Week),
            "每月" => Some(Self::Month),
            "每季度" => Some(Self::Quarter),
            "每年" => Some(Self::Year),
            _ => None,
        }
    }

    /// The first day of the cycle that holds a day, and the first day after it.
    fn around(self, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        let months =
            |from: NaiveDate, count| Some((from, from.checked_add_months(Months::new(count))?));
        match self {
            Self::Day => Some((day, day.succ_opt()?)),
            Self::Week => {
                let from = day - Days::new(u64::from(day.weekday().num_days_from_monday()));
                Some((from, from.checked_add_days(Days::new(7))?))
            }
            Self::Month => months(day.with_day(1)?, 1),
            Self::Quarter => months(day.with_day(1)?.with_month0(day.month0() / 3 * 3)?, 3),
            Self::Year => months(day.with_day(1)?.with_month(1)?, 12),
        }
    }
}

/// Days on which a dataset received records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    pub days: BTreeSet<NaiveDate>,
}

/// What became of one resource in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collected {
    pub department: String,
    pub code: String,
    pub title: String,
    pub items: u64,
    pub dataset: Option<String>,
    pub state: State,
    /// Cycles that count, those with a delivery, and those with one on time.
    pub cycles_due: u64,
    pub cycles_delivered: u64,
    pub cycles_on_time: u64,
    pub last_delivery: Option<NaiveDate>,
}

/// How far a resource came; only the last counts for the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    NotCatalogued,
    NotConnected,
    Incomplete,
    Late,
    Collected,
}

impl State {
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::NotCatalogued => ("未编目", "not catalogued"),
            Self::NotConnected => ("未接入", "not connected"),
            Self::Incomplete => ("有缺", "incomplete"),
            Self::Late => ("逾期", "late"),
            Self::Collected => ("已归集", "collected"),
        }
    }
}

/// What became of a resource in a period, seen on the day `today`.
pub fn collect(
    resource: &Resource,
    delivery: &Delivery,
    period: Period,
    today: NaiveDate,
) -> Collected {
    let mut collected = Collected {
        department: resource.department.clone(),
        code: resource.code.clone(),
        title: resource.title.clone(),
        items: resource.items,
        dataset: resource.dataset.clone(),
        state: State::Collected,
        cycles_due: 0,
        cycles_delivered: 0,
        cycles_on_time: 0,
        last_delivery: delivery.days.range(..period.to).next_back().copied(),
    };
    let mut day = period.from;
    while let Some((from, to)) = resource.cycle.around(day).filter(|_| day < period.to) {
        let first = delivery.days.range(from..to).next();
        if first.is_some() || to <= today {
            collected.cycles_due += 1;
        }
        if let Some(first) = first {
            let due =
                resource.due_days.and_then(|days| from.checked_add_days(Days::new(days.into())));
            collected.cycles_delivered += 1;
            collected.cycles_on_time += u64::from(due.is_none_or(|due| *first < due));
        }
        day = to;
    }
    collected.state = if !resource.is_catalogued {
        State::NotCatalogued
    } else if resource.dataset.is_none() || collected.last_delivery.is_none() {
        State::NotConnected
    } else if collected.cycles_delivered < collected.cycles_due {
        State::Incomplete
    } else if collected.cycles_on_time < collected.cycles_due {
        State::Late
    } else {
        State::Collected
    };
    collected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, m, d).expect("a day")
    }

    fn resource(cycle: Cycle, due_days: Option<u32>) -> Resource {
        Resource {
            department: "市公安局".to_owned(),
            code: "1".to_owned(),
            title: "自然人".to_owned(),
            items: 15,
            cycle,
            due_days,
            is_catalogued: true,
            dataset: Some("np_person".to_owned()),
        }
    }

    fn state(resource: &Resource, days: &[NaiveDate], today: NaiveDate) -> (State, u64, u64, u64) {
        let delivery = Delivery { days: days.iter().copied().collect() };
        let june = Period::parse("2020-06").expect("a month");
        let held = collect(resource, &delivery, june, today);
        (held.state, held.cycles_due, held.cycles_delivered, held.cycles_on_time)
    }

    #[test]
    fn a_daily_resource_owes_every_day_that_is_over() {
        let daily = resource(Cycle::Day, None);
        let all: Vec<NaiveDate> = (1..=30).map(|d| day(6, d)).collect();
        assert_eq!(state(&daily, &all, day(7, 1)), (State::Collected, 30, 30, 30));
        assert_eq!(state(&daily, &all[..9], day(6, 10)), (State::Collected, 9, 9, 9));
        assert_eq!(state(&daily, &all[..9], day(6, 11)), (State::Incomplete, 10, 9, 9));
        assert_eq!(state(&daily, &[], day(7, 1)).0, State::NotConnected);
    }

    #[test]
    fn a_monthly_resource_is_due_within_its_days() {
        let monthly = resource(Cycle::Month, Some(10));
        assert_eq!(state(&monthly, &[day(6, 10)], day(6, 12)), (State::Collected, 1, 1, 1));
        assert_eq!(state(&monthly, &[day(6, 11)], day(6, 12)), (State::Late, 1, 1, 0));
        // The month still runs and May was delivered: nothing is held against it yet.
        assert_eq!(state(&monthly, &[day(5, 3)], day(6, 12)), (State::Collected, 0, 0, 0));
        assert_eq!(state(&monthly, &[day(5, 3)], day(7, 1)), (State::Incomplete, 1, 0, 0));
    }

    #[test]
    fn weeks_quarters_and_years_begin_where_the_calendar_says() {
        // 1 June 2020 was a Monday.
        let around = |cycle: Cycle, of| cycle.around(of).expect("a cycle");
        assert_eq!(around(Cycle::Week, day(6, 7)), (day(6, 1), day(6, 8)));
        assert_eq!(around(Cycle::Quarter, day(6, 30)), (day(4, 1), day(7, 1)));
        assert_eq!(around(Cycle::Year, day(6, 30)).0, day(1, 1));
    }

    #[test]
    fn what_is_not_catalogued_or_connected_is_not_collected() {
        let mut owed = resource(Cycle::Day, None);
        owed.dataset = None;
        assert_eq!(state(&owed, &[], day(7, 1)).0, State::NotConnected);
        owed.is_catalogued = false;
        assert_eq!(state(&owed, &[], day(7, 1)).0, State::NotCatalogued);
    }
}
