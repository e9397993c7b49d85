//! The city as a stream: unit after unit is loaded, and what is there changes meanwhile.
//!
//! A unit is a firm with all that belongs to it, then some households with theirs, then a share
//! of services, tickets, projects, cases and whatever else the departments report. So the first
//! few hundred events hold a complete firm, and twenty thousand touch every dataset. Rows come as
//! of the day of loading, twenty days before `as_of`; changes fill these days. Sequences only
//! grow per dataset; event times only grow per row.

use crate::calendar::{DAY_US, Day, Micros, day_of, kafka_ms, midnight, month_of};
use crate::dice::{Dice, World};
use crate::envelope::Op;
use crate::firms::{self, Firm};
use crate::ids::Age;
use crate::licences::{self, Licence};
use crate::persons::{self, Person};
use crate::press::Press;
use crate::projects::Known;
use crate::row::Row;
use crate::transport::Planned;
use crate::utilities::{self, Account, BILL_MONTHS, Meter};
use crate::{Event, Plan};
use std::collections::VecDeque;

/// Days between loading and `as_of`.
pub(crate) const CHANGE_DAYS: Day = 20;
/// Events that change something, for each event that loads.
const CHANGE_SHARE: f64 = 0.13;
/// Looks at so many candidates before giving up; a young city has few.
pub(crate) const TRIES: usize = 8;
const FLOW: u64 = 0x666c_6f77;

/// Who holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Firm(u32),
    Person(u32),
}

/// A holder as registers write it.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) code_type: &'static str,
    pub(crate) code: String,
    pub(crate) county: usize,
    /// Founded, or of age.
    pub(crate) since: Day,
}

pub(crate) struct City {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) loaded: Day,
    pub(crate) firms: Vec<Firm>,
    pub(crate) persons: Vec<Person>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) licences: Vec<Licence>,
    pub(crate) flow: Dice,
    pub(crate) press: Press,
    /// Services that have not left yet.
    pub(crate) planned: VecDeque<Planned>,
    /// The newest projects, for sections, steps and leads.
    pub(crate) projects: VecDeque<Known>,
    /// Numbers given so far.
    pub(crate) households: u32,
    pub(crate) addresses: u32,
    pub(crate) units: u32,
    /// Rows of a few entities per dataset, which may change later.
    pub(crate) held: Vec<Vec<Row>>,
    emitted: u64,
}

impl City {
    pub(crate) fn new(plan: Plan) -> Self {
        let loaded = day_of(plan.as_of) - CHANGE_DAYS;
        let world = World { seed: plan.seed, scale: plan.defects.unwrap_or(0.0) };
        Self {
            world,
            loaded,
            firms: Vec::new(),
            persons: Vec::new(),
            accounts: Vec::new(),
            licences: Vec::new(),
            flow: world.dice(&[FLOW]),
            press: Press::new(world, loaded),
            planned: VecDeque::new(),
            projects: VecDeque::new(),
            households: 0,
            addresses: 0,
            units: 0,
            held: vec![Vec::new(); crate::fields::COUNT],
            emitted: 0,
            plan,
        }
    }

    fn make_unit(&mut self) {
        let before = self.press.queue.len();
        let unit = self.units;
        self.units += 1;
        self.load_items(unit);
        self.load_firm();
        let firm = Holder::Firm(next_number(self.firms.len()) - 1);
        self.load_finance(firm);
        self.load_project(unit);
        self.load_section(unit);
        let households = if self.flow.chance(0.4) { 2 } else { 1 };
        for turn in 0..households {
            self.load_family(due(unit, 0.4) && turn == 0);
        }
        for _ in 0..self.flow.between(1, 3) {
            let person = self.load_household(&[Age::Adult])[0];
            if self.flow.chance(0.3) {
                self.load_licence(Holder::Person(person));
            }
        }
        self.load_services(unit);
        self.load_cases(unit);
        self.load_health(unit);
        self.load_records(unit);
        let loaded = (self.press.queue.len() - before) as f64;
        for _ in 0..self.times(loaded * CHANGE_SHARE) {
            self.change();
        }
        self.depart_services();
        self.press.end_unit();
    }

    /// A whole number that is `expected` on average.
    pub(crate) fn times(&mut self, expected: f64) -> u64 {
        expected as u64 + u64::from(self.flow.chance(expected.fract()))
    }

    fn load_firm(&mut self) {
        let number = next_number(self.firms.len());
        let person_count = u8::try_from(self.flow.between(1, 4)).expect("at most 4");
        let first_person = next_number(self.persons.len());
        for _ in 0..person_count {
            let person = self.load_household(&[Age::Adult])[0];
            self.refer(person);
        }
        let parent = (number > 0 && self.flow.chance(0.15))
            .then(|| u32::try_from(self.flow.below(u64::from(number))).expect("below a u32"));
        let identity = firms::identity(self.world, number);
        let ended = self.flow.chance(0.06).then(|| self.loaded - self.flow.days(1, 200));
        let is_revoked = self.flow.chance(0.2);
        let at = self.earlier();
        let address = self.load_address(identity.county, at);
        let firm =
            Firm { first_person, person_count, address, parent, version: 0, ended, is_revoked, at };
        self.firms.push(firm);
        self.load(firms::row(self.world, number, &firm), at);
        for seq in 1..=firms::holder_count(&firm) {
            self.load(firms::shareholder(self.world, number, &firm, seq), at);
        }
        for year in firms::report_years(identity.founded, self.loaded) {
            let (row, at) = firms::report(self.world, number, year, 0);
            self.load(row, at);
        }
        let holder = Holder::Firm(number);
        self.add_licence(licences::BUSINESS, holder);
        for _ in 0..self.flow.between(0, 3) {
            self.load_licence(holder);
        }
        if self.flow.chance(0.5) {
            self.load_unit(holder, address);
        }
        if ended.is_none() {
            self.load_accounts(holder, [0.75, 0.95, 0.45]);
        }
    }

    /// A household with its home, its licences, accounts and telecom months; a poor one with its
    /// register.
    fn load_family(&mut self, is_poor: bool) {
        let mut ages = vec![Age::Adult];
        for (age, share) in [(Age::Adult, 0.7), (Age::Child, 0.5), (Age::Elder, 0.35)] {
            if self.flow.chance(share) || (is_poor && age == Age::Child) {
                ages.push(age);
            }
        }
        let members = self.load_household(&ages);
        let head = Holder::Person(members[0]);
        let county = usize::from(self.persons[members[0] as usize].home);
        if self.flow.chance(0.6) {
            self.load_licence(head);
        }
        let at = self.earlier();
        let address = self.load_address(county, at);
        if self.flow.chance(0.6) {
            self.load_unit(head, address);
        }
        let accounts = self.load_accounts(head, [0.7, 1.0, 0.6]);
        self.load_telecom(&members);
        if is_poor {
            self.load_poverty(&members, &accounts);
        }
    }

    fn load_accounts(&mut self, holder: Holder, shares: [f64; 3]) -> std::ops::Range<u32> {
        self.refer_to(holder);
        let first = next_number(self.accounts.len());
        for (utility, share) in (0..).zip(shares) {
            if !self.flow.chance(share) {
                continue;
            }
            let is_anonymous = matches!(holder, Holder::Person(_)) && self.flow.chance(0.2);
            let at = self.earlier();
            let missed = (utility == utilities::POWER && self.flow.chance(0.08))
                .then(|| self.loaded - self.flow.days(6, 33));
            let account = Account {
                utility,
                holder,
                is_anonymous,
                version: 0,
                meter: 0,
                metered_since: 0,
                closed: None,
                settled: 0,
                withdrawn: 0,
                read_to: self.loaded - 1,
                missed,
                at,
            };
            let number = next_number(self.accounts.len());
            self.accounts.push(account);
            self.load(self.account_row(number), at);
        }
        let end = next_number(self.accounts.len());
        for index in 0..BILL_MONTHS {
            for number in first..end {
                let bill = self.bill(number, index, None);
                self.load(bill.row, bill.at);
            }
        }
        for number in first..end {
            self.load_readings(number);
        }
        first..end
    }

    pub(crate) fn refer(&mut self, person: u32) {
        self.persons[person as usize].is_referenced = true;
    }

    pub(crate) fn refer_to(&mut self, holder: Holder) {
        if let Holder::Person(person) = holder {
            self.refer(person);
        }
    }

    /// Some time in the two years before loading.
    pub(crate) fn earlier(&mut self) -> Micros {
        midnight(self.loaded) - self.flow.between(1, 700 * DAY_US)
    }

    pub(crate) fn load(&mut self, row: Row, at: Micros) {
        let op =
            if self.flow.chance(0.08) && !row.dataset().is_append { Op::Read } else { Op::Create };
        self.hold(&row);
        self.emit(op, at.min(midnight(self.loaded) - 1), None, Some(row));
    }

    pub(crate) fn named(&self, holder: Holder) -> Named {
        match holder {
            Holder::Firm(number) => {
                let firm = firms::identity(self.world, number);
                let (code_type, since) = ("001", firm.founded);
                Named { name: firm.name, code_type, code: firm.uscc, county: firm.county, since }
            }
            Holder::Person(number) => {
                let person = self.persons[number as usize];
                let who = persons::identity(self.world, number, person);
                let name = persons::name(self.world, number);
                let since = who.born + 18 * 366;
                let county = usize::from(person.home);
                Named { name, code_type: "111", code: who.id, county, since }
            }
        }
    }

    pub(crate) fn licence_row(&self, number: u32) -> (Row, Micros) {
        let licence = &self.licences[number as usize];
        let holder = self.named(licence.holder);
        licences::row(self.world, number, licence, &holder, self.loaded)
    }

    pub(crate) fn account_row(&self, number: u32) -> Row {
        let account = &self.accounts[number as usize];
        let holder = self.named(account.holder);
        utilities::row(self.world, number, account, &holder, self.loaded)
    }

    pub(crate) fn bill(
        &self,
        number: u32,
        index: u8,
        settled_at: Option<Micros>,
    ) -> utilities::Bill {
        let month = self.first_bill_month() + i32::from(index);
        let account = &self.accounts[number as usize];
        let times = (self.loaded, settled_at);
        utilities::bill(self.world, number, account, (index, month), times)
    }

    pub(crate) fn first_bill_month(&self) -> i32 {
        month_of(day_of(self.plan.as_of)) - i32::from(BILL_MONTHS)
    }

    pub(crate) fn meter(&self, number: u32) -> Meter {
        let account = &self.accounts[number as usize];
        Meter::of(self.world, number, account, self.first_bill_month())
    }

    /// The time of a change that is made now: between loading and the end of `as_of`.
    pub(crate) fn now(&self) -> Micros {
        self.time_of(self.emitted + self.press.queue.len() as u64)
    }

    fn time_of(&self, position: u64) -> Micros {
        let span = i128::from(DAY_US) * i128::from(CHANGE_DAYS + 1) - 1;
        let position = i128::from(position.min(self.plan.records));
        let offset = span * position / i128::from(self.plan.records.max(1));
        midnight(self.loaded) + i64::try_from(offset).expect("three weeks of microseconds")
    }

    pub(crate) fn emit(&mut self, op: Op, at: Micros, before: Option<Row>, after: Option<Row>) {
        self.press.emit(op, at, before, after);
        if self.press.wants_unknown_delete() && !self.accounts.is_empty() {
            self.delete_unknown();
        }
    }

    /// A number below `count`.
    pub(crate) fn any(&mut self, count: usize) -> u32 {
        u32::try_from(self.flow.below(count as u64)).expect("fewer than 2^32 of anything")
    }

    /// A grown-up resident who is there to stay.
    pub(crate) fn any_adult(&mut self) -> u32 {
        for _ in 0..TRIES {
            let number = self.any(self.persons.len());
            let person = self.persons[number as usize];
            if person.age == Age::Adult && !person.is_gone {
                self.refer(number);
                return number;
            }
        }
        // The first resident is a shareholder of the first firm.
        0
    }

    pub(crate) fn any_firm(&mut self) -> u32 {
        self.any(self.firms.len())
    }
}

impl Iterator for City {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.emitted == self.plan.records {
            return None;
        }
        while self.press.queue.is_empty() {
            self.make_unit();
        }
        let mut event = self.press.queue.pop_front()?;
        event.timestamp_ms = kafka_ms(self.time_of(self.emitted));
        self.emitted += 1;
        Some(event)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.plan.records - self.emitted).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

/// The number of the next element of a table.
pub(crate) fn next_number(length: usize) -> u32 {
    u32::try_from(length).expect("a city has fewer than 2^32 of anything")
}

/// Whether a unit is one of the `share` that has something; the first one has everything.
pub(crate) fn due(unit: u32, share: f64) -> bool {
    unit == 0 || (f64::from(unit) * share).floor() > (f64::from(unit - 1) * share).floor()
}
