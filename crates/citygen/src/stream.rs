//! The city as a stream: unit after unit is loaded, and what is there changes meanwhile.
//!
//! A unit is a firm with its persons, shares, reports, licences, meters and bills, then one or
//! two households and some residents. So the first few hundred events hold complete firms.
//! Rows come as of the day of loading, twenty days before `as_of`; changes fill these days.
//! Sequences only grow per dataset; event times only grow per row.

use crate::calendar::{DAY_US, Day, Micros, date_text, day_of, kafka_ms, midnight, month_of};
use crate::defects::{BROKEN_RECORD, REDELIVERED, break_record, spoil_row};
use crate::dice::Dice;
use crate::envelope::{Envelope, Op};
use crate::fields::{
    ACCOUNTS, BILLS, DATASETS, LE_ANNUAL_REPORT, LE_ENTITY, LE_SHAREHOLDER, LIC_LICENCE, NP_PERSON,
};
use crate::firms::{self, Firm};
use crate::ids::uscc;
use crate::licences::{self, Licence};
use crate::lists::{Authority, GAS, MARKET, POLICE, POWER, WATER};
use crate::persons::{self, Person};
use crate::row::Row;
use crate::utilities::{self, Account, BILL_MONTHS};
use crate::{Event, Injected, Plan};
use std::collections::VecDeque;

/// Days between loading and `as_of`.
const CHANGE_DAYS: Day = 20;
/// Events that change something, for each event that loads.
const CHANGE_SHARE: f64 = 0.13;
const FLOW: u64 = 0x666c_6f77;
const MISHAP: u64 = 0x6d69_7368;

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
    pub(crate) plan: Plan,
    pub(crate) loaded: Day,
    pub(crate) firms: Vec<Firm>,
    pub(crate) persons: Vec<Person>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) licences: Vec<Licence>,
    pub(crate) flow: Dice,
    pub(crate) queue: VecDeque<Event>,
    mishaps: Dice,
    again: Vec<Event>,
    emitted: u64,
    sequences: [u64; 11],
    depts: [String; 11],
    batch: String,
}

impl City {
    pub(crate) fn new(plan: Plan) -> Self {
        let loaded = day_of(plan.as_of) - CHANGE_DAYS;
        let dept = |dataset: usize| match dataset {
            NP_PERSON => licences::authority(&POLICE),
            LE_ENTITY | LE_SHAREHOLDER | LE_ANNUAL_REPORT | LIC_LICENCE => {
                licences::authority(&MARKET)
            }
            5 | 6 => company(&WATER),
            7 | 8 => company(&POWER),
            _ => company(&GAS),
        };
        Self {
            loaded,
            firms: Vec::new(),
            persons: Vec::new(),
            accounts: Vec::new(),
            licences: Vec::new(),
            flow: Dice::of(plan.seed, &[FLOW]),
            queue: VecDeque::new(),
            mishaps: Dice::of(plan.seed, &[MISHAP]),
            again: Vec::new(),
            emitted: 0,
            sequences: [1_000_000; 11],
            depts: std::array::from_fn(dept),
            batch: format!("{}-001", date_text(loaded).replace('-', "")),
            plan,
        }
    }

    fn make_unit(&mut self) {
        let before = self.queue.len();
        self.load_firm();
        let households = if self.flow.chance(0.4) { 2 } else { 1 };
        for _ in 0..households {
            self.load_household();
        }
        for _ in 0..self.flow.between(2, 5) {
            let person = self.load_person();
            if self.flow.chance(0.3) {
                self.load_licence(Holder::Person(person));
            }
        }
        let loaded = (self.queue.len() - before) as f64;
        for _ in 0..self.times(loaded * CHANGE_SHARE) {
            self.change();
        }
        if let Some(scale) = self.plan.defects {
            self.mischief(loaded * (1.0 + CHANGE_SHARE) * scale);
        }
        self.queue.extend(self.again.drain(..));
    }

    /// A whole number that is `expected` on average.
    pub(crate) fn times(&mut self, expected: f64) -> u64 {
        expected as u64 + u64::from(self.flow.chance(expected.fract()))
    }

    fn load_firm(&mut self) {
        let seed = self.plan.seed;
        let number = next_number(self.firms.len());
        let person_count = u8::try_from(self.flow.between(1, 4)).expect("at most 4");
        let first_person = next_number(self.persons.len());
        for _ in 0..person_count {
            let person = self.load_person();
            self.refer(person);
        }
        let parent = (number > 0 && self.flow.chance(0.15))
            .then(|| u32::try_from(self.flow.below(u64::from(number))).expect("below a u32"));
        let identity = firms::identity(seed, number);
        let ended = self.flow.chance(0.06).then(|| self.loaded - self.flow.between(1, 200) as Day);
        let at = self.earlier();
        let firm = Firm { first_person, person_count, parent, version: 0, ended, at };
        self.firms.push(firm);
        self.load(firms::row(seed, number, &firm), at);
        for seq in 1..=firms::holder_count(&firm) {
            self.load(firms::shareholder(seed, number, &firm, seq), at);
        }
        for year in firms::report_years(identity.founded, self.loaded) {
            let (row, at) = firms::report(seed, number, year, 0);
            self.load(row, at);
        }
        let holder = Holder::Firm(number);
        self.add_licence(licences::BUSINESS, holder);
        for _ in 0..self.flow.between(0, 3) {
            self.load_licence(holder);
        }
        if ended.is_none() {
            self.load_accounts(holder, [0.75, 0.95, 0.45]);
        }
    }

    fn load_household(&mut self) {
        let head = self.load_person();
        if self.flow.chance(0.5) {
            self.load_person();
        }
        if self.flow.chance(0.6) {
            self.load_licence(Holder::Person(head));
        }
        self.load_accounts(Holder::Person(head), [0.7, 1.0, 0.6]);
    }

    fn load_person(&mut self) -> u32 {
        let number = next_number(self.persons.len());
        let person = Person { at: self.earlier(), ..Person::default() };
        self.persons.push(person);
        self.load(persons::row(self.plan.seed, number, person), person.at);
        number
    }

    fn load_licence(&mut self, holder: Holder) {
        let kind = licences::any_kind(matches!(holder, Holder::Firm(_)), &mut self.flow);
        self.add_licence(kind, holder);
    }

    fn add_licence(&mut self, kind: u8, holder: Holder) {
        self.refer_to(holder);
        let status = if self.flow.chance(0.95) { "01" } else { "04" };
        let licence = Licence { kind, holder, version: 1, status, is_gone: false, at: None };
        let number = next_number(self.licences.len());
        self.licences.push(licence);
        let (row, at) = self.licence_row(number);
        self.load(row, at);
    }

    fn load_accounts(&mut self, holder: Holder, shares: [f64; 3]) {
        self.refer_to(holder);
        let first = self.accounts.len();
        for (utility, share) in (0..).zip(shares) {
            if !self.flow.chance(share) {
                continue;
            }
            let is_anonymous = matches!(holder, Holder::Person(_)) && self.flow.chance(0.2);
            let at = self.earlier();
            let account = Account {
                utility,
                holder,
                is_anonymous,
                version: 0,
                closed: None,
                settled: 0,
                withdrawn: 0,
                at,
            };
            let number = next_number(self.accounts.len());
            self.accounts.push(account);
            self.load(self.account_row(number), at);
        }
        for index in 0..BILL_MONTHS {
            for number in first..self.accounts.len() {
                let bill = self.bill(next_number(number), index, None);
                self.load(bill.row, bill.at);
            }
        }
    }

    fn refer(&mut self, person: u32) {
        self.persons[person as usize].is_referenced = true;
    }

    fn refer_to(&mut self, holder: Holder) {
        if let Holder::Person(person) = holder {
            self.refer(person);
        }
    }

    /// Some time in the two years before loading.
    fn earlier(&mut self) -> Micros {
        midnight(self.loaded) - self.flow.between(1, 700 * DAY_US)
    }

    fn load(&mut self, row: Row, at: Micros) {
        let op = if self.flow.chance(0.08) { Op::Read } else { Op::Create };
        self.emit(op, at.min(midnight(self.loaded) - 1), None, Some(row));
    }

    pub(crate) fn named(&self, holder: Holder) -> Named {
        match holder {
            Holder::Firm(number) => {
                let firm = firms::identity(self.plan.seed, number);
                let (code_type, since) = ("001", firm.founded);
                Named { name: firm.name, code_type, code: firm.uscc, county: firm.county, since }
            }
            Holder::Person(number) => {
                let person = self.persons[number as usize];
                let who = persons::identity(self.plan.seed, number, person);
                let name = persons::name(self.plan.seed, number);
                let since = who.born + 18 * 366;
                Named { name, code_type: "111", code: who.id, county: who.county, since }
            }
        }
    }

    pub(crate) fn licence_row(&self, number: u32) -> (Row, Micros) {
        let licence = &self.licences[number as usize];
        let holder = self.named(licence.holder);
        licences::row(self.plan.seed, number, licence, &holder, self.loaded)
    }

    pub(crate) fn account_row(&self, number: u32) -> Row {
        let account = &self.accounts[number as usize];
        let holder = self.named(account.holder);
        utilities::row(self.plan.seed, number, account, &holder, self.loaded)
    }

    pub(crate) fn bill(
        &self,
        number: u32,
        index: u8,
        settled_at: Option<Micros>,
    ) -> utilities::Bill {
        let month = month_of(day_of(self.plan.as_of)) - i32::from(BILL_MONTHS - index);
        let account = &self.accounts[number as usize];
        let times = (self.loaded, settled_at);
        utilities::bill(self.plan.seed, number, account, (index, month), times)
    }

    /// The time of a change that is made now: between loading and the end of `as_of`.
    pub(crate) fn now(&self) -> Micros {
        self.time_of(self.emitted + self.queue.len() as u64)
    }

    fn time_of(&self, position: u64) -> Micros {
        let span = i128::from(DAY_US) * i128::from(CHANGE_DAYS + 1) - 1;
        let position = i128::from(position.min(self.plan.records));
        let offset = span * position / i128::from(self.plan.records.max(1));
        midnight(self.loaded) + i64::try_from(offset).expect("three weeks of microseconds")
    }

    /// Publishes a change: gives it its sequence, its defects and its bytes.
    pub(crate) fn emit(&mut self, op: Op, at: Micros, before: Option<Row>, after: Option<Row>) {
        let mut after = after;
        let dataset = after.as_ref().or(before.as_ref()).expect("a change has an image").dataset;
        self.sequences[dataset] += 1 + self.flow.below(3);
        let mut defects = Vec::new();
        if let (Some(scale), Some(row)) = (self.plan.defects, &mut after) {
            defects = spoil_row(row, scale, &mut self.mishaps);
        }
        let key = after.as_ref().or(before.as_ref()).map(Row::key).unwrap_or_default();
        let mut value = Envelope {
            op,
            seq: self.sequences[dataset],
            event_time: at,
            dept: &self.depts[dataset],
            batch: &self.batch,
            before: before.as_ref(),
            before_key_only: false,
            after: after.as_ref(),
        }
        .write();
        if let Some(scale) = self.plan.defects
            && self.mishaps.chance(BROKEN_RECORD * scale)
        {
            defects = vec![break_record(&mut value, &mut self.mishaps)];
        }
        self.publish(dataset, key, Some(value), defects);
    }

    /// The delete of a row that never was; only its key is known.
    pub(crate) fn emit_unknown_delete(&mut self, row: &Row) {
        self.sequences[row.dataset] += 1 + self.flow.below(3);
        let value = Envelope {
            op: Op::Delete,
            seq: self.sequences[row.dataset],
            event_time: self.now(),
            dept: &self.depts[row.dataset],
            batch: &self.batch,
            before: Some(row),
            before_key_only: true,
            after: None,
        }
        .write();
        let defects = vec![Injected { field: "@record", code: "D39" }];
        self.publish(row.dataset, row.key(), Some(value), defects);
    }

    pub(crate) fn publish(
        &mut self,
        dataset: usize,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        defects: Vec<Injected>,
    ) {
        let dataset = &DATASETS[dataset];
        let (name, kafka_topic) = (dataset.name, dataset.kafka_topic);
        // The time is that of publication and set when the event leaves.
        let event = Event { dataset: name, kafka_topic, key, value, timestamp_ms: 0, defects };
        if let Some(scale) = self.plan.defects
            && self.mishaps.chance(REDELIVERED * scale)
        {
            let mut copy = event.clone();
            copy.defects.push(Injected { field: "@record", code: "D36" });
            self.again.push(copy);
        }
        self.queue.push_back(event);
    }
}

impl Iterator for City {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if self.emitted == self.plan.records {
            return None;
        }
        while self.queue.is_empty() {
            self.make_unit();
        }
        let mut event = self.queue.pop_front()?;
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
fn next_number(length: usize) -> u32 {
    u32::try_from(length).expect("a city has fewer than 2^32 of anything")
}

fn company(of: &Authority) -> String {
    uscc("91", "500000", of.org_body)
}

const _: () = assert!(ACCOUNTS[0] == 5 && BILLS[2] == 10, "departments go by dataset index");
