//! What departments know of a firm by the month: taxes, insurance, housing fund; and its loans.

use crate::authorities::{Authority, BANK_FIRST, BANK_SECOND, BANK_THIRD};
use crate::calendar::{Day, HOUR_US, Micros, Month, first_day, midnight, month_of};
use crate::dice::World;
use crate::fields::{POOL_HF_MONTH, POOL_LOAN, POOL_SI_MONTH, POOL_TAX_MONTH, TELECOM_MONTH};
use crate::firms;
use crate::places::COUNTIES;
use crate::row::{NULL, Row, cents, date, flag, instant, int, maybe_date, text, wan};
use crate::stream::{City, Holder};

const MONTHS: u64 = 0x6d6f_6e74;
const LOAN: u64 = 0x6c6f_616e;
/// Months of tax, and of insurance and housing fund, before the month of loading.
const TAX_MONTHS: Month = 24;
const FUND_MONTHS: Month = 14;
/// Months of telecom, before the month of loading.
const TELECOM_MONTHS: Month = 8;

static BANKS: [&Authority; 3] = [&BANK_FIRST, &BANK_SECOND, &BANK_THIRD];

/// A month's row is reported in the middle of the next month.
fn reported(month: Month, loaded: Day, hour: i64) -> Micros {
    midnight((first_day(month + 1) + 9).min(loaded - 1)) + hour * HOUR_US
}

impl City {
    /// Months and loans of a firm.
    pub(crate) fn load_finance(&mut self, holder: Holder) {
        let Holder::Firm(number) = holder else { return };
        let firm = firms::identity(self.world, number);
        let this = month_of(self.loaded);
        let ended = self.firms[number as usize].ended.map_or(Month::MAX, month_of);
        let mut dice = self.world.dice(&[MONTHS, u64::from(number)]);
        let sales = firm.capital_wan * dice.between(4_000, 40_000);
        let staff = dice.between(2, 120);
        let grade = dice.pick(&["A", "B", "B", "M", "C", "D"]);
        let is_behind = dice.chance(0.04);
        for month in (this - TAX_MONTHS..this).filter(|month| *month < ended) {
            let sold = sales * dice.between(80, 120);
            let due = sold * 3 / 100;
            let paid = if is_behind && month >= this - 3 { due / 2 } else { due };
            let at = reported(month, self.loaded, 9);
            let row = Row::new(
                POOL_TAX_MONTH,
                vec![
                    text(firm.uscc.clone()),
                    date(first_day(month)),
                    cents(sold),
                    cents(due),
                    cents(paid),
                    cents(due - paid),
                    text(grade),
                    instant(at),
                ],
            );
            self.load(row, at);
        }
        for month in (this - FUND_MONTHS..this).filter(|month| *month < ended) {
            let insured = (staff + dice.between(-1, 2)).max(1);
            let payable = insured * 145_600;
            let paid = if is_behind && month == this - 1 { 0 } else { payable };
            let at = reported(month, self.loaded, 11);
            let head = [text(firm.uscc.clone()), date(first_day(month))];
            let tail = [int(insured), cents(payable), cents(paid), instant(at)];
            self.load(Row::new(POOL_SI_MONTH, head.iter().cloned().chain(tail).collect()), at);
            let depositors = insured * 8 / 10;
            let tail = [int(depositors), cents(depositors * 96_000), instant(at)];
            self.load(Row::new(POOL_HF_MONTH, head.into_iter().chain(tail).collect()), at);
        }
        if self.flow.chance(0.5) || number == 0 {
            let (row, at) = loan(self.world, number, &firm, self.loaded);
            self.load(row, at);
        }
    }

    /// Months of the lines that members of a household have.
    pub(crate) fn load_telecom(&mut self, members: &[u32]) {
        let this = month_of(self.loaded);
        for number in members.iter().take(2) {
            let mut dice = self.world.dice(&[MONTHS, u64::from(*number), 1]);
            // The operators deliver a keyed hash; here it only has the form of one.
            let hash = (0..4).map(|_| format!("{:016x}", dice.next())).collect::<String>();
            let operator = dice.pick(&["CT", "CM", "CM", "CU", "CBN"]);
            let (fee, lines) = (dice.between(1_800, 19_900), dice.between(1, 3));
            let (broadband, county) = (dice.chance(0.6), self.persons[*number as usize].home);
            for month in this - TELECOM_MONTHS..this {
                let fee = fee * lines + dice.between(0, 900);
                let at = reported(month, self.loaded, 3);
                let row = Row::new(
                    TELECOM_MONTH,
                    vec![
                        text(hash.clone()),
                        text(operator),
                        date(first_day(month)),
                        int(lines),
                        cents(fee),
                        cents(if dice.chance(0.03) { fee } else { 0 }),
                        flag(broadband),
                        text(COUNTIES[usize::from(county)].code),
                        instant(at),
                    ],
                );
                self.load(row, at);
            }
        }
    }
}

/// A loan of a firm, from application to repayment.
fn loan(world: World, number: u32, firm: &firms::Identity, loaded: Day) -> (Row, Micros) {
    let mut dice = world.dice(&[LOAN, u64::from(number)]);
    let applied = loaded - dice.days(40, 700);
    let lent = applied + dice.days(3, 30);
    let state = dice.pick(&["1", "2", "3", "3", "3", "3", "4", "5"]);
    let credit = dice.between(10, 900);
    let is_lent = matches!(state, "3" | "5");
    let amount = if is_lent { credit * dice.between(50, 100) } else { 0 };
    let balance = if state == "3" { amount * dice.between(20, 100) / 100 } else { 0 };
    let overdue = if state == "3" && dice.chance(0.05) { dice.between(1, 120) } else { 0 };
    let bank = dice.pick(&BANKS);
    let at = midnight(lent) + dice.between(8 * HOUR_US, 20 * HOUR_US);
    let row = Row::new(
        POOL_LOAN,
        vec![
            text(format!("YHR{:010}", u64::from(number) * 7 + 1)),
            text(firm.uscc.clone()),
            text(bank.code()),
            text(dice.pick(&["信用快贷", "税易贷", "抵押经营贷", "知识价值信用贷款"])),
            cents(if matches!(state, "1" | "4") { 0 } else { credit * 100 }),
            cents(amount),
            maybe_date(is_lent.then_some(lent)),
            maybe_date(is_lent.then(|| lent + 365 * dice.days(1, 3))),
            if is_lent { wan(dice.between(38, 78) * 1_000) } else { NULL },
            cents(balance),
            int(overdue),
            instant(midnight(applied) + 9 * HOUR_US),
            text(state),
            instant(at),
        ],
    );
    (row, at)
}
