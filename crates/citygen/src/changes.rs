//! What happens in the city after it was loaded: updates, deletes, keys that change, rows read
//! again, readings of new days and late ones of old days.

use crate::calendar::{Day, day_at};
use crate::envelope::Op;
use crate::firms;
use crate::persons;
use crate::row::Row;
use crate::stream::{City, TRIES};
use crate::utilities::{BILL_MONTHS, POWER, account_no};

/// Days of readings that one look at a meter brings at most.
const DAYS_AT_ONCE: Day = 6;

impl City {
    /// One change of something that is there.
    pub(crate) fn change(&mut self) {
        match self.flow.below(100) {
            0..22 => self.settle_bill(),
            22..30 => self.move_person(),
            30..36 => self.change_licence(false),
            36..39 => self.change_licence(true),
            39..44 => self.change_firm(),
            44..50 => self.change_account(),
            50..52 => self.replace_resident_id(),
            52..54 => self.delete_licence(),
            54..55 => self.withdraw_bill(),
            55..56 => self.delete_person(),
            56..57 => self.correct_report(),
            57..58 => self.read_again(),
            58..66 => self.read_meter(),
            66..69 => self.read_late(),
            _ => self.change_held(),
        }
    }

    /// Daily readings of a power meter since the last one.
    fn read_meter(&mut self) {
        let Some(number) = self.power_account(|account| account.closed.is_none()) else { return };
        let account = self.accounts[number as usize];
        let (now, today) = (self.now(), day_at(self.now()));
        let meter = self.meter(number);
        let days = account.read_to + 1..today.min(account.read_to + 1 + DAYS_AT_ONCE);
        for day in days {
            let began_later = account.meter > 0 && day <= account.metered_since;
            if !began_later {
                let (row, _) = meter.reading(&account, (day, day - 1), "0");
                self.emit(Op::Create, now, None, Some(row));
            }
            self.accounts[number as usize].read_to = day;
        }
    }

    /// The reading of a day that was left out when the city was loaded.
    fn read_late(&mut self) {
        let is_late = |account: &crate::utilities::Account| {
            account.missed.is_some() && account.meter == 0 && account.closed.is_none()
        };
        let Some(number) = self.power_account(is_late) else { return };
        let mut account = self.accounts[number as usize];
        if let Some(day) = account.missed.take() {
            let (row, _) = self.meter(number).reading(&account, (day, day - 1), "2");
            let now = self.now();
            self.emit(Op::Create, now, None, Some(row));
            self.accounts[number as usize] = account;
        }
    }

    fn power_account(&mut self, fits: impl Fn(&crate::utilities::Account) -> bool) -> Option<u32> {
        for _ in 0..TRIES {
            let number = self.any(self.accounts.len());
            let account = &self.accounts[number as usize];
            if account.utility == POWER && fits(account) {
                return Some(number);
            }
        }
        None
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

    /// Who is replaced or deleted lives alone: the household's only row goes along.
    fn replace_resident_id(&mut self) {
        let Some(number) = self.free_person() else { return };
        let before = (self.person_row(number), self.member_row(number));
        let now = self.now();
        let person = &mut self.persons[number as usize];
        if !person.has_new_id {
            (person.has_new_id, person.at) = (true, now);
            self.update(before.0, self.person_row(number), true);
            self.update(before.1, self.member_row(number), true);
        }
    }

    fn delete_person(&mut self) {
        if let Some(number) = self.free_person() {
            self.persons[number as usize].is_gone = true;
            self.delete(self.person_row(number));
            self.delete(self.member_row(number));
        }
    }

    fn member_row(&self, number: u32) -> Row {
        persons::member_row(self.world, number, self.persons[number as usize], persons::HEAD)
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
        let number = self.any(self.firms.len());
        let old = self.firms[number as usize];
        if old.ended.is_some() {
            return;
        }
        let now = self.now();
        let (ends, holder_too) = (self.flow.chance(0.1), self.flow.chance(0.4));
        let firm = &mut self.firms[number as usize];
        (firm.version, firm.at) = (old.version.wrapping_add(1), now);
        firm.ended = ends.then(|| day_at(now));
        firm.is_revoked = firm.is_revoked && ends;
        let firm = *firm;
        self.update(
            firms::row(self.world, number, &old),
            firms::row(self.world, number, &firm),
            false,
        );
        if holder_too {
            let count = u64::from(firms::holder_count(&firm));
            let seq = 1 + u8::try_from(self.flow.below(count)).expect("at most 5 holders");
            let before = firms::shareholder(self.world, number, &old, seq);
            self.update(before, firms::shareholder(self.world, number, &firm, seq), false);
        }
    }

    fn correct_report(&mut self) {
        let number = self.any(self.firms.len());
        let founded = firms::identity(self.world, number).founded;
        let years = firms::report_years(founded, self.loaded);
        if let Some(year) = years.last() {
            let correction = self.flow.between(1, 99_999);
            let (row, _) = firms::report(self.world, number, year, correction);
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
        let gets_meter = self.flow.chance(0.2) && !closes;
        let account = &mut self.accounts[number as usize];
        if gets_meter && account.read_to < day_at(now) {
            (account.meter, account.metered_since) = (account.meter + 1, day_at(now));
        }
        (account.version, account.at) = (account.version.wrapping_add(1), now);
        account.closed = closes.then(|| day_at(now));
        self.update(before, self.account_row(number), false);
    }

    /// A snapshot reads a row that has not changed since.
    fn read_again(&mut self) {
        let number = self.any(self.firms.len());
        let row = firms::row(self.world, number, &self.firms[number as usize]);
        self.emit(Op::Read, self.now(), None, Some(row));
    }

    /// The delete of a row that never was: of numbers that the city never reaches.
    pub(crate) fn delete_unknown(&mut self) {
        let number = 900_000_000 + u32::try_from(self.flow.below(1 << 20)).expect("below 2^20");
        let row = match self.flow.below(3) {
            0 => persons::row(self.world, number, persons::Person::default()),
            1 => firms::row(self.world, number % 20_000_000 + 8_000_000, &self.firms[0].clone()),
            _ => {
                let mut row = self.account_row(0);
                let utility = self.accounts[0].utility;
                row.values[0] = crate::row::text(account_no(self.world, number, utility));
                row
            }
        };
        let now = self.now();
        self.press.emit_unknown_delete(&row, now);
    }

    fn person_row(&self, number: u32) -> Row {
        persons::row(self.world, number, self.persons[number as usize])
    }

    /// Some sources send the old image, all do when the key changes.
    pub(crate) fn update(&mut self, before: Row, after: Row, key_changes: bool) {
        let shows_before = key_changes || self.flow.chance(0.25);
        let now = self.now();
        self.emit(Op::Update, now, shows_before.then_some(before), Some(after));
    }

    /// A delete, and the tombstone that follows it.
    pub(crate) fn delete(&mut self, row: Row) {
        let (dataset, key, now) = (row.dataset, row.key(), self.now());
        self.emit(Op::Delete, now, Some(row), None);
        self.press.emit_tombstone(dataset, key);
    }
}
