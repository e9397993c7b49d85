//! Registered poor households: members, incomes, measures.

use crate::calendar::{HOUR_US, date_of, day, midnight};
use crate::dice::Dice;
use crate::fields::{POOL_POV_HOUSEHOLD, POOL_POV_INCOME, POOL_POV_MEASURE, POOL_POV_MEMBER};
use crate::ids::Age;
use crate::persons;
use crate::row::{NULL, Row, Value, cents, date, flag, instant, int, maybe_date, text};
use crate::stream::City;
use crate::utilities::{POWER, account_no};
use chrono::Datelike;
use std::ops::Range;

impl City {
    /// The register of a household, from its head's membership on.
    pub(crate) fn load_poverty(&mut self, members: &[u32], accounts: &Range<u32>) {
        let number = members[0];
        let hh_no = format!("PKH{number:010}");
        let head = self.persons[number as usize];
        let head_id = persons::identity(self.world, number, head).id;
        let home = usize::from(head.home);
        let village = persons::village(home, &mut self.flow);
        let identified = day(2014, 1, 10) + self.flow.days(0, 900);
        let out = identified + self.flow.days(400, 1_500);
        let out = (out < self.loaded).then_some(out);
        let power = accounts.clone().find(|n| self.accounts[*n as usize].utility == POWER);
        let watched = self.flow.chance(0.25);
        let at = midnight(out.unwrap_or(identified)) + 9 * HOUR_US;
        let (house, water) = (self.flow.pick(&["A", "B", "B", "C"]), self.flow.below(20));
        let row = Row::new(
            POOL_POV_HOUSEHOLD,
            vec![
                text(hh_no.clone()),
                text(head_id),
                text(village),
                text(self.flow.pick(&["1", "1", "2", "3", "4"])),
                if watched { text(self.flow.pick(&["1", "2", "3"])) } else { NULL },
                date(identified),
                text(self.flow.pick(&["01", "01", "02", "03", "07", "08", "09", "99"])),
                maybe_date(out),
                text(house),
                text(if water == 0 { "3" } else { "1" }),
                flag(water > 0),
                power.map_or(NULL, |n| text(account_no(self.world, n, POWER))),
                instant(at),
            ],
        );
        self.load(row, at);
        self.load_poor_members(&hh_no, members);
        self.load_incomes(&hh_no, members.len());
        for _ in 0..self.flow.between(1, 3) {
            self.load_measure(&hh_no);
        }
    }

    fn load_poor_members(&mut self, hh_no: &str, members: &[u32]) {
        let head = self.persons[members[0] as usize];
        let head = persons::identity(self.world, members[0], head);
        for (place, number) in members.iter().enumerate() {
            let person = self.persons[*number as usize];
            let who = persons::identity(self.world, *number, person);
            let at = midnight(self.loaded - self.flow.days(10, 300)) + 10 * HOUR_US;
            let years = date_of(self.loaded).year() - date_of(who.born).year();
            let (labour, school, health) = condition(person.age, years, &mut self.flow);
            let is_disabled = health == "6";
            let leaves_school = matches!(school, "2" | "3") && self.flow.chance(0.01);
            let row = Row::new(
                POOL_POV_MEMBER,
                vec![
                    text(hh_no.to_owned()),
                    text(who.id.clone()),
                    text(persons::relation(place, &who, person.age, &head)),
                    text(health),
                    text(labour),
                    text(school),
                    flag(leaves_school),
                    flag(self.flow.chance(0.98)),
                    flag(person.age != Age::Child),
                    flag(self.flow.chance(0.2)),
                    if is_disabled { text(self.flow.pick(&["1", "2", "3", "4"])) } else { NULL },
                    instant(at),
                ],
            );
            self.load(row, at);
        }
    }

    fn load_incomes(&mut self, hh_no: &str, count: usize) {
        let heads = i64::try_from(count).expect("a household");
        let last = date_of(self.loaded).year();
        for year in last - 4..last {
            let at = midnight(day(year + 1, 1, 20)) + 9 * HOUR_US;
            let mut amount =
                |low: i64, high: i64| cents(heads * self.flow.between(low * 100, high * 100));
            let values = [amount(1_500, 9_000), amount(500, 4_000), amount(0, 600)];
            let transfer = amount(300, 2_500);
            let cost = amount(100, 900);
            let head: [Value; 2] = [text(hh_no.to_owned()), int(year)];
            let tail = [transfer, cost, instant(at)];
            let row = head.into_iter().chain(values).chain(tail).collect();
            self.load(Row::new(POOL_POV_INCOME, row), at);
        }
    }

    fn load_measure(&mut self, hh_no: &str) {
        let kinds =
            ["产业", "就业", "教育", "健康", "危房改造", "饮水", "兜底", "搬迁", "小额信贷"];
        let given = self.loaded - self.flow.days(1, 1_200);
        let at = midnight(given) + self.flow.between(9 * HOUR_US, 17 * HOUR_US);
        let number = self.flow.below(10_000_000_000);
        let amount = self.flow.between(200, 30_000) * 100;
        let row = Row::new(
            POOL_POV_MEASURE,
            vec![
                text(format!("BF{}{number:010}", &hh_no[3..])),
                text(hh_no.to_owned()),
                text(self.flow.pick(&kinds)),
                if self.flow.chance(0.9) { cents(amount) } else { NULL },
                date(given),
                instant(at),
            ],
        );
        self.load(row, at);
    }
}

/// Ability to work, school and health at an age.
fn condition(age: Age, years: i32, dice: &mut Dice) -> (&'static str, &'static str, &'static str) {
    let labour = match age {
        Age::Adult => dice.pick(&["1", "1", "1", "2", "3"]),
        Age::Child | Age::Elder => "5",
    };
    let school = match years {
        3..=5 => "1",
        6..=11 => "2",
        12..=14 => "3",
        15..=17 => "4",
        _ => "0",
    };
    let health = match age {
        Age::Child => "1",
        Age::Adult => dice.pick(&["1", "1", "1", "2", "3", "6"]),
        Age::Elder => dice.pick(&["1", "2", "3", "3", "6"]),
    };
    (labour, school, health)
}
