//! Medical bills, epidemic cases and tests.

use crate::authorities::{HOSPITAL, LABORATORY};
use crate::calendar::{DAY_US, HOUR_US, Micros, day, midnight};
use crate::fields::{POOL_EPI_CASE, POOL_EPI_TEST, POOL_MEDICAL_BILL};
use crate::persons;
use crate::places::COUNTIES;
use crate::row::{NULL, Row, cents, date, flag, instant, maybe_date, maybe_instant, text};
use crate::stream::{City, due};

/// Share of the units that have a case.
const CASES: f64 = 0.3;

impl City {
    /// Bills, tests and cases of a unit.
    pub(crate) fn load_health(&mut self, unit: u32) {
        for place in 0..self.flow.between(10, 18) {
            self.load_medical_bill(unit, place);
        }
        for place in 0..self.flow.between(7, 13) {
            let person = self.any_adult();
            self.load_test(unit, place, person, "0");
        }
        if due(unit, CASES) {
            self.load_epidemic(unit);
        }
    }

    fn id_of(&self, person: u32) -> String {
        persons::identity(self.world, person, self.persons[person as usize]).id
    }

    fn load_medical_bill(&mut self, unit: u32, place: i64) {
        let person = self.any_adult();
        let is_inpatient = self.flow.chance(0.12);
        let high = if is_inpatient { 3_000_000 } else { 90_000 };
        let total = self.flow.between(2_000, high);
        let fund = total * self.flow.between(30, 85) / 100;
        let settled = self.loaded - self.flow.days(1, 400);
        let at = midnight(settled) + self.flow.between(8 * HOUR_US, 18 * HOUR_US);
        let row = Row::new(
            POOL_MEDICAL_BILL,
            vec![
                text(format!("YB{unit:08}{place:03}")),
                text(self.id_of(person)),
                date(settled),
                cents(total),
                cents(fund),
                cents(total - fund),
                flag(is_inpatient),
                instant(at),
            ],
        );
        self.load(row, at);
    }

    fn load_test(&mut self, unit: u32, place: i64, person: u32, result: &'static str) {
        let sampled = midnight(self.loaded) - self.flow.between(2 * HOUR_US, 120 * DAY_US);
        let known = sampled + self.flow.between(4 * HOUR_US, 20 * HOUR_US);
        let known = (known < midnight(self.loaded)).then_some(known);
        self.put_test(unit, place, person, (sampled, known), result);
    }

    fn put_test(
        &mut self,
        unit: u32,
        place: i64,
        person: u32,
        (sampled, known): (Micros, Option<Micros>),
        result: &'static str,
    ) {
        let organisation = if self.flow.chance(0.5) { &LABORATORY } else { &HOSPITAL };
        let at = known.unwrap_or(sampled);
        let row = Row::new(
            POOL_EPI_TEST,
            vec![
                text(format!("HS{unit:08}{place:03}")),
                text(self.id_of(person)),
                instant(sampled),
                maybe_instant(known),
                text(if known.is_some() { result } else { "9" }),
                text(organisation.code()),
                instant(at),
            ],
        );
        self.load(row, at);
    }

    /// A case with its positive test, and its close contacts.
    fn load_epidemic(&mut self, unit: u32) {
        // From the first case in the city on, 2020-01-21.
        let latest = (self.loaded - 1 - day(2020, 1, 21)).clamp(20, 120);
        let confirmed = self.loaded - self.flow.days(15, latest);
        let case_no = format!("YQ{unit:08}00");
        let person = self.any_adult();
        let sampled = midnight(confirmed) - 20 * HOUR_US;
        self.put_test(unit, 900, person, (sampled, Some(sampled + 9 * HOUR_US)), "1");
        let kind = self.flow.pick(&["1", "1", "2", "5"]);
        self.put_case((case_no.clone(), person), kind, confirmed, None);
        for place in 1..=self.flow.between(1, 3) {
            let contact = self.any_adult();
            let number = format!("YQ{unit:08}{place:02}");
            let kind = if place == 1 { "3" } else { "4" };
            self.put_case((number, contact), kind, confirmed + 1, Some(case_no.clone()));
        }
    }

    fn put_case(
        &mut self,
        (case_no, person): (String, u32),
        kind: &'static str,
        confirmed: i32,
        source: Option<String>,
    ) {
        let is_ill = kind == "1";
        let until = confirmed + 14;
        let over = (until < self.loaded).then_some(until);
        let at = midnight(over.unwrap_or(confirmed)) + 12 * HOUR_US;
        let home = usize::from(self.persons[person as usize].home);
        let row = Row::new(
            POOL_EPI_CASE,
            vec![
                text(case_no),
                text(self.id_of(person)),
                text(kind),
                maybe_date(is_ill.then(|| confirmed - 3)),
                date(confirmed),
                date(confirmed),
                maybe_date(over),
                source.map_or(NULL, text),
                text(COUNTIES[home].code),
                instant(at),
            ],
        );
        self.load(row, at);
    }
}
