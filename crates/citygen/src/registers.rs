//! Loading of the base registers: households, addresses, real estate, licences, readings.

use crate::calendar::{Day, first_day};
use crate::estate;
use crate::ids::Age;
use crate::licences::{self, Licence};
use crate::persons::{self, Person};
use crate::stream::{City, Holder, next_number};
use crate::utilities::{BILL_MONTHS, POWER};

/// Months of readings that water and gas meters have.
const READ_MONTHS: u8 = 14;
/// Days of readings that power meters have when the city is loaded.
const READ_DAYS: Day = 40;

impl City {
    /// The residents of a household, the head first, and their membership; their numbers.
    pub(crate) fn load_household(&mut self, ages: &[Age]) -> Vec<u32> {
        let household = self.households;
        self.households += 1;
        let first = next_number(self.persons.len());
        let head = Person { age: ages[0], ..Person::default() };
        let head = persons::identity(self.world, first, head);
        let home = u8::try_from(head.county).expect("38 counties");
        let mut numbers = Vec::with_capacity(ages.len());
        for (place, age) in ages.iter().enumerate() {
            let number = next_number(self.persons.len());
            let at = self.earlier();
            let person = Person { age: *age, household, home, at, ..Person::default() };
            self.persons.push(person);
            numbers.push(number);
            self.load(persons::row(self.world, number, person), at);
            let who = persons::identity(self.world, number, person);
            let relation = persons::relation(place, &who, *age, &head);
            self.load(persons::member_row(self.world, number, person, relation), at);
        }
        // Only who lives alone may still turn out to be registered wrongly.
        if ages.len() > 1 {
            numbers.iter().for_each(|number| self.refer(*number));
        }
        numbers
    }

    /// A new registered address; its number.
    pub(crate) fn load_address(&mut self, county: usize, at: i64) -> u32 {
        let number = self.addresses;
        self.addresses += 1;
        let place = estate::place(self.world, number, county);
        self.load(estate::address_row(&place, at), at);
        number
    }

    /// The unit at an address and its holder's right to it.
    pub(crate) fn load_unit(&mut self, holder: Holder, address: u32) {
        self.refer_to(holder);
        let named = self.named(holder);
        let place = estate::place(self.world, address, named.county);
        let at = self.earlier();
        self.load(estate::unit_row(self.world, address, named.county, &place, at), at);
        let days = (named.since, self.loaded);
        let (right, at) = estate::right_row(self.world, address, named.county, &named, days);
        self.load(right, at);
    }

    pub(crate) fn load_licence(&mut self, holder: Holder) {
        let kind = licences::any_kind(matches!(holder, Holder::Firm(_)), &mut self.flow);
        self.add_licence(kind, holder);
    }

    pub(crate) fn add_licence(&mut self, kind: u8, holder: Holder) {
        self.refer_to(holder);
        let status = if self.flow.chance(0.95) { "01" } else { "04" };
        let licence = Licence { kind, holder, version: 1, status, is_gone: false, at: None };
        let number = next_number(self.licences.len());
        self.licences.push(licence);
        let (row, at) = self.licence_row(number);
        self.load(row, at);
    }

    /// Readings at the ends of the last months, or of the last days for power.
    pub(crate) fn load_readings(&mut self, number: u32) {
        let account = self.accounts[number as usize];
        let meter = self.meter(number);
        let mut before = None;
        let days: Vec<Day> = if account.utility == POWER {
            (self.loaded - READ_DAYS..self.loaded).collect()
        } else {
            let last = self.first_bill_month() + i32::from(BILL_MONTHS);
            (last - i32::from(READ_MONTHS)..=last).map(first_day).collect()
        };
        for day in days {
            if account.missed == Some(day) {
                continue;
            }
            let quality = if self.flow.chance(0.02) { "1" } else { "0" };
            let (mut row, at) = meter.reading(&account, (day, before.unwrap_or(day)), quality);
            if before.is_none() {
                row.previous = 0;
            }
            before = Some(day);
            self.load(row, at);
        }
    }
}
