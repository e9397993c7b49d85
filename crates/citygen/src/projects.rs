//! Investment projects with their steps and months, and the leads of investment promotion.

use crate::calendar::{DAY_US, Day, HOUR_US, date_of, first_day, midnight, month_of};
use crate::dice::Dice;
use crate::fields::{POOL_INVEST_LEAD, POOL_PROJECT, POOL_PROJECT_MONTH, POOL_PROJECT_STEP};
use crate::firms;
use crate::ids::project;
use crate::lists::TRADES;
use crate::places::COUNTIES;
use crate::row::{NULL, Row, cents, date, flag, instant, int, maybe_date, maybe_instant, text};
use crate::services::{STEP_ITEMS, item_code, item_dept, promise};
use crate::stream::{City, due};
use chrono::Datelike;

/// Shares of the units that have a project, and a lead.
const PROJECTS: f64 = 0.35;
const LEADS: f64 = 0.3;
/// Projects that sections and leads may refer to.
const KNOWN_MAX: usize = 16;

/// What others need of a project.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) code: String,
    pub(crate) owner: String,
    pub(crate) county: usize,
}

/// When a project begins and ends, as planned and as it is.
struct Course {
    registered: Day,
    plan: (Day, Day),
    started: Option<Day>,
    finished: Option<Day>,
    state: &'static str,
}

impl Course {
    fn of(loaded: Day, dice: &mut Dice) -> Self {
        let registered = loaded - dice.days(60, 1_000);
        let plan_start = registered + dice.days(60, 200);
        let plan = (plan_start, plan_start + dice.days(150, 900));
        let start = plan_start + dice.days(-20, 120);
        let end = start + dice.days(140, 900);
        let is_off = dice.chance(0.04);
        let started = (start < loaded && !is_off).then_some(start);
        let finished = started.filter(|_| end < loaded).map(|_| end);
        let state = match (started, finished) {
            _ if is_off => "5",
            (_, Some(_)) => "4",
            (Some(_), None) => "3",
            _ if loaded - registered < 120 => "1",
            _ => "2",
        };
        Self { registered, plan, started, finished, state }
    }
}

impl City {
    /// A project of the newest firm, with its steps, its months and perhaps the lead it came from.
    pub(crate) fn load_project(&mut self, unit: u32) {
        if due(unit, LEADS) && !due(unit, PROJECTS) {
            self.load_lead(unit, None);
        }
        if !due(unit, PROJECTS) {
            return;
        }
        let owner = u32::try_from(self.firms.len() - 1).expect("a firm");
        let firm = firms::identity(self.world, owner);
        let course = Course::of(self.loaded, &mut self.flow);
        let kind = self.flow.pick(&["01", "02", "03", "03", "05"]);
        let county = firm.county;
        let since = date_of(course.registered);
        let year_month = since.year() % 100 * 100 + since.month().cast_signed();
        let code = project(year_month, COUNTIES[county].code, kind, u64::from(unit));
        let total = self.flow.between(200, 80_000);
        let at = midnight(course.finished.or(course.started).unwrap_or(course.registered))
            + 10 * HOUR_US;
        let row = Row::new(
            POOL_PROJECT,
            vec![
                text(code.clone()),
                text(format!("{}{}", in_text(&firm.name), self.flow.pick(&WORKS))),
                text(firm.uscc.clone()),
                text(kind),
                text(TRADES[firm.trade].0),
                cents(total * 100),
                text(COUNTIES[county].code),
                date(course.plan.0),
                date(course.plan.1),
                maybe_date(course.started),
                maybe_date(course.finished),
                flag(self.flow.chance(0.06)),
                text(course.state),
                instant(at),
            ],
        );
        self.load(row, at);
        self.load_steps(&code, &course);
        self.load_project_months(&code, &course, total);
        let known = Known { code, owner: firm.uscc, county };
        if due(unit, LEADS) {
            self.load_lead(unit, Some((&known, owner, &course, total)));
        }
        self.projects.push_back(known);
        if self.projects.len() > KNOWN_MAX {
            self.projects.pop_front();
        }
    }

    /// Steps in the order of their stages; those that would begin after loading are missing.
    fn load_steps(&mut self, code: &str, course: &Course) {
        let mut accepted = midnight(course.registered) + 9 * HOUR_US;
        for (place, (stage, item)) in STEP_ITEMS.into_iter().enumerate() {
            if accepted > midnight(self.loaded) - DAY_US {
                break;
            }
            let used = self.flow.between(1, 25) * DAY_US + self.flow.between(0, 8 * HOUR_US);
            let finished = accepted + used;
            let finished = (finished < midnight(self.loaded)).then_some(finished);
            let result = if self.flow.chance(0.95) { "1" } else { "3" };
            let at = finished.unwrap_or(accepted);
            let row = Row::new(
                POOL_PROJECT_STEP,
                vec![
                    text(code.to_owned()),
                    int(i64::try_from(place).expect("a dozen") + 1),
                    text(stage),
                    text(item_code(item)),
                    text(item_dept(item).code()),
                    instant(accepted),
                    int(promise(self.world, item)),
                    int(if self.flow.chance(0.1) { 5 } else { 0 }),
                    maybe_instant(finished),
                    if finished.is_some() { text(result) } else { NULL },
                    instant(at),
                ],
            );
            self.load(row, at);
            accepted += used + self.flow.between(5, 60) * DAY_US;
        }
    }

    /// Months of investment since the start of building, at most a year of them.
    fn load_project_months(&mut self, code: &str, course: &Course, total: i64) {
        let Some(started) = course.started else { return };
        let last = month_of(course.finished.unwrap_or(self.loaded).min(self.loaded));
        let first = month_of(started).max(last - 12);
        for month in first..last {
            let planned = total * 100 / 18;
            let at = midnight((first_day(month + 1) + 5).min(self.loaded - 1)) + 9 * HOUR_US;
            let row = Row::new(
                POOL_PROJECT_MONTH,
                vec![
                    text(code.to_owned()),
                    date(first_day(month)),
                    cents(planned * self.flow.between(50, 130) / 100),
                    cents(planned),
                    instant(at),
                ],
            );
            self.load(row, at);
        }
    }

    /// A lead that came to a project and a firm, or one that did not come far yet.
    fn load_lead(&mut self, unit: u32, landed: Option<(&Known, u32, &Course, i64)>) {
        let investor = firms::identity(self.world, self.any_firm());
        let trade = TRADES[self.flow.index(TRADES.len())];
        let project = landed.map(|(known, ..)| known.code.clone());
        let firm = landed.map(|(_, owner, ..)| firms::identity(self.world, owner));
        let started = landed.and_then(|(_, _, course, _)| course.started);
        let produces = landed.and_then(|(_, _, course, _)| course.finished);
        let registered = landed.map(|(_, _, course, _)| course.registered);
        let signed = registered.map_or_else(
            || self.flow.chance(0.5).then(|| self.loaded - self.flow.days(20, 500)),
            |registered| Some(registered - 40),
        );
        let (stage, reached) = match (produces, started, registered, signed) {
            (Some(day), ..) => ("6", day),
            (_, Some(day), ..) => ("5", day),
            (_, _, Some(day), _) => ("4", day),
            (.., Some(day)) => ("3", day),
            _ => (self.flow.pick(&["1", "2", "7"]), self.loaded - self.flow.days(5, 300)),
        };
        let contract = landed.map_or(self.flow.between(500, 50_000), |(.., total)| total);
        let paid = if registered.is_some() { contract * self.flow.between(5, 100) } else { 0 };
        let county = landed.map_or(self.flow.index(COUNTIES.len()), |(known, ..)| known.county);
        let zone = self.flow.chance(0.2) && landed.is_none();
        let at = midnight(reached) + 15 * HOUR_US;
        let row = Row::new(
            POOL_INVEST_LEAD,
            vec![
                text(format!("ZS{:08}", unit)),
                text(format!("{}{}", trade.1, self.flow.pick(&WORKS))),
                text(investor.name),
                text(investor.uscc),
                firm.map_or(NULL, |firm| text(firm.uscc)),
                project.map_or(NULL, text),
                text(trade.0),
                text(self.flow.pick(&["50", "51", "44", "31", "11", "HKG", "SGP"])),
                text(if zone { "5001Z1" } else { COUNTIES[county].code }),
                cents(contract * 100),
                cents(paid),
                text(stage),
                date(reached),
                maybe_date(signed),
                maybe_date(registered),
                maybe_date(started),
                maybe_date(produces),
                instant(at),
            ],
        );
        self.load(row, at);
    }
}

/// A firm's name in running text, where brackets are ASCII (domain specification, 1.1 step 3).
fn in_text(name: &str) -> String {
    name.replace('（', "(").replace('）', ")")
}

const WORKS: [&str; 5] =
    ["生产基地建设项目", "技术改造项目", "仓储物流中心项目", "研发中心项目", "厂房扩建项目"];
