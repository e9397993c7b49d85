//! What happens in the city after it was loaded: updates, deletes, keys that change, rows read
//! again, and, where defects are wanted, changes that arrive late or concern nothing.

use crate::calendar::{DAY_US, Day};
use crate::defects::{OUT_OF_ORDER, UNKNOWN_DELETE};
use crate::envelope::Op;

use crate::Injected;
use crate::firms;
use crate::persons;
use crate::row::Row;
use crate::stream::City;
use crate::utilities::BILL_MONTHS;

/// Looks at so many candidates for a change before giving up; a young city has few.
const TRIES: usize = 8;

impl City {
    /// One change of something that is there.
    pub(crate) fn change(&mut self) {
        match self.flow.below(100) {
            0..40 => self.settle_bill(),
            40..58 => self.move_person(),
            58..68 => self.change_licence(false),
            68..72 => self.change_licence(true),
            72..82 => self.change_firm(),
            82..91 => self.change_account(),
            91..93 => self.replace_resident_id(),
            93..95 => self.delete_licence(),
            95..96 => self.withdraw_bill(),
            96..97 => self.delete_person(),
            97..98 => self.correct_report(),
            _ => self.read_again(),
        }
    }

    /// Late and unknown changes, at their rates of `records` records.
    pub(crate) fn mischief(&mut self, records: f64) {
        for _ in 0..self.times(records * OUT_OF_ORDER) {
            self.arrive_late();
        }
        for _ in 0..self.times(records * UNKNOWN_DELETE) {
            self.delete_unknown();
        }
    }

    fn settle_bill(&mut self) {
        for _ in 0..TRIES {
            let number = self.any(self.accounts.len());
            for index in (0..BILL_MONTHS).rev() {
                let account = self.accounts[number as usize];
                if (account.settled | account.withdrawn) & (1 << index) != 0 {
                    continue;
                }
                let open = self.bill(number, index, None);
                if open.is_open {
                    let paid = self.bill(number, index, Some(self.now()));
                    self.accounts[number as usize].settled |= 1 << index;
                    self.update(open.row, paid.row, false);
                    return;
                }
            }
        }
    }

    fn withdraw_bill(&mut self) {
        let number = self.any(self.accounts.len());
        let index = u8::try_from(self.flow.below(u64::from(BILL_MONTHS))).expect("below 26");
        let account = &mut self.accounts[number as usize];
        if (account.settled | account.withdrawn) & (1 << index) == 0 {
            account.withdrawn |= 1 << index;
            let bill = self.bill(number, index, None);
            self.delete(bill.row);
        }
    }

    fn move_person(&mut self) {
        let number = self.any(self.persons.len());
        if self.persons[number as usize].is_gone {
            return;
        }
        let before = self.person_row(number);
        let now = self.now();
        let person = &mut self.persons[number as usize];
        (person.version, person.at) = (person.version.wrapping_add(1), now);
        self.update(before, self.person_row(number), false);
    }

    fn replace_resident_id(&mut self) {
        let Some(number) = self.free_person() else { return };
        let before = self.person_row(number);
        let now = self.now();
        let person = &mut self.persons[number as usize];
        if !person.has_new_id {
            (person.has_new_id, person.at) = (true, now);
            self.update(before, self.person_row(number), true);
        }
    }

    fn delete_person(&mut self) {
        if let Some(number) = self.free_person() {
            self.persons[number as usize].is_gone = true;
            self.delete(self.person_row(number));
        }
    }

    /// A resident whom nothing refers to.
    fn free_person(&mut self) -> Option<u32> {
        for _ in 0..TRIES {
            let number = self.any(self.persons.len());
            let person = self.persons[number as usize];
            if !person.is_gone && !person.is_referenced {
                return Some(number);
            }
        }
        None
    }

    fn change_licence(&mut self, new_issue: bool) {
        let number = self.any(self.licences.len());
        if self.licences[number as usize].is_gone {
            return;
        }
        let before = self.licence_row(number).0;
        let now = self.now();
        let status = self.flow.pick(&["02", "03", "04", "05", "01"]);
        let licence = &mut self.licences[number as usize];
        licence.at = Some(now);
        if new_issue {
            licence.version = licence.version.wrapping_add(1).max(1);
        } else {
            licence.status = status;
        }
        self.update(before, self.licence_row(number).0, new_issue);
    }

    fn delete_licence(&mut self) {
        let number = self.any(self.licences.len());
        if !self.licences[number as usize].is_gone {
            self.licences[number as usize].is_gone = true;
            self.delete(self.licence_row(number).0);
        }
    }

    fn change_firm(&mut self) {
        let seed = self.plan.seed;
        let number = self.any(self.firms.len());
        let old = self.firms[number as usize];
        if old.ended.is_some() {
            return;
        }
        let now = self.now();
        let (ends, holder_too) = (self.flow.chance(0.1), self.flow.chance(0.4));
        let firm = &mut self.firms[number as usize];
        (firm.version, firm.at) = (old.version.wrapping_add(1), now);
        firm.ended = ends.then(|| Day::try_from(now / DAY_US).expect("a day of our centuries"));
        let firm = *firm;
        self.update(firms::row(seed, number, &old), firms::row(seed, number, &firm), false);
        if holder_too {
            let count = u64::from(firms::holder_count(&firm));
            let seq = 1 + u8::try_from(self.flow.below(count)).expect("at most 5 holders");
            let before = firms::shareholder(seed, number, &old, seq);
            self.update(before, firms::shareholder(seed, number, &firm, seq), false);
        }
    }

    fn correct_report(&mut self) {
        let number = self.any(self.firms.len());
        let founded = firms::identity(self.plan.seed, number).founded;
        let years = firms::report_years(founded, self.loaded);
        if let Some(year) = years.last() {
            let (row, _) = firms::report(self.plan.seed, number, year, 1);
            self.emit(Op::Create, self.now(), None, Some(row));
        }
    }

    fn change_account(&mut self) {
        let number = self.any(self.accounts.len());
        if self.accounts[number as usize].closed.is_some() {
            return;
        }
        let before = self.account_row(number);
        let (now, closes) = (self.now(), self.flow.chance(0.1));
        let account = &mut self.accounts[number as usize];
        (account.version, account.at) = (account.version.wrapping_add(1), now);
        account.closed = closes.then(|| Day::try_from(now / DAY_US).expect("a day"));
        self.update(before, self.account_row(number), false);
    }

    /// A snapshot reads a row that has not changed since.
    fn read_again(&mut self) {
        let number = self.any(self.firms.len());
        let row = firms::row(self.plan.seed, number, &self.firms[number as usize]);
        self.emit(Op::Read, self.now(), None, Some(row));
    }

    /// Two changes of a row, of which the second arrives first.
    fn arrive_late(&mut self) {
        let before = self.queue.len();
        let number = self.any(self.persons.len());
        if self.persons[number as usize].is_gone {
            return;
        }
        for _ in 0..2 {
            let now = self.now();
            let person = &mut self.persons[number as usize];
            (person.version, person.at) = (person.version.wrapping_add(1), now);
            self.emit(Op::Update, now, None, Some(self.person_row(number)));
        }
        self.queue.swap(before, before + 1);
        self.queue[before + 1].defects.push(Injected { field: "@record", code: "D38" });
    }

    fn delete_unknown(&mut self) {
        // Numbers that the city never reaches.
        let number = u32::MAX - u32::try_from(self.flow.below(1 << 20)).expect("below 2^20");
        let row = persons::row(self.plan.seed, number % 30_000_000 + 5_000_000, Default::default());
        self.emit_unknown_delete(&row);
    }

    fn person_row(&self, number: u32) -> Row {
        persons::row(self.plan.seed, number, self.persons[number as usize])
    }

    /// Some sources send the old image, all do when the key changes.
    fn update(&mut self, before: Row, after: Row, key_changes: bool) {
        let shows_before = key_changes || self.flow.chance(0.25);
        let now = self.now();
        self.emit(Op::Update, now, shows_before.then_some(before), Some(after));
    }

    /// A delete, and the tombstone that follows it.
    fn delete(&mut self, row: Row) {
        let (dataset, key, now) = (row.dataset, row.key(), self.now());
        self.emit(Op::Delete, now, Some(row), None);
        self.publish(dataset, key, None, Vec::new());
    }

    fn any(&mut self, count: usize) -> u32 {
        u32::try_from(self.flow.below(count as u64))
            .expect("a city has fewer than 2^32 of anything")
    }
}
