//! Water, power and gas: accounts and 26 months of bills.
//!
//! How an account pays follows from its number: most are on time, some late now and then, a
//! few stop paying. A bill that was open when the city was loaded may be settled later.

use crate::calendar::{Day, Micros, Month, first_day, midnight};
use crate::dice::Dice;
use crate::fields::{ACCOUNTS, BILLS};
use crate::lists::COUNTIES;
use crate::persons;
use crate::row::{Row, Value};
use crate::stream::{Holder, Named};

/// Months of bills before the month of `as_of`: two full years and two months.
pub(crate) const BILL_MONTHS: u8 = 26;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// 0 water, 1 power, 2 gas.
    pub(crate) utility: u8,
    pub(crate) holder: Holder,
    /// The register knows the holder's name only.
    pub(crate) is_anonymous: bool,
    pub(crate) version: u8,
    pub(crate) closed: Option<Day>,
    /// One bit per bill that was settled after the city was loaded.
    pub(crate) settled: u32,
    /// One bit per bill that was withdrawn.
    pub(crate) withdrawn: u32,
    /// Time of the last change.
    pub(crate) at: Micros,
}

const ACCOUNT: u64 = 0x6163_6374;
const BILL: u64 = 0x6269_6c6c;

pub(crate) fn account_no(seed: u64, number: u32, utility: u8) -> String {
    // A permutation of 0..10⁹, so that numbers differ; 48,271 is prime.
    let place = (u64::from(number) * 48_271 + seed % 1_000_000_000) % 1_000_000_000;
    match utility {
        // Water numbers begin with a zero that spreadsheets like to lose.
        0 => format!("0{place:09}"),
        1 => format!("5002{place:09}"),
        _ => format!("8{place:09}"),
    }
}

pub(crate) fn opened(seed: u64, number: u32, since: Day, last_day: Day) -> Day {
    let mut dice = Dice::of(seed, &[ACCOUNT, u64::from(number)]);
    // Accounts are older than their bills.
    let latest = last_day - 31 * Day::from(BILL_MONTHS) - 31;
    since.clamp(latest - 8_000, latest - 1) + dice.between(0, 30) as Day
}

pub(crate) fn row(seed: u64, number: u32, of: &Account, holder: &Named, last_day: Day) -> Row {
    let mut dice = Dice::of(seed, &[ACCOUNT, u64::from(number), 1]);
    let mut moving = Dice::of(seed, &[ACCOUNT, u64::from(number), 2, u64::from(of.version)]);
    let (_, place) = persons::address(holder.county, &mut dice);
    let is_firm = matches!(of.holder, Holder::Firm(_));
    let capacity = match (of.utility, is_firm) {
        (1, true) => dice.between(30, 800) * 100,
        (1, false) => dice.between(4, 16) * 100,
        (0, _) => dice.pick(&[1_500, 2_000, 4_000]),
        _ => dice.between(2, 25) * 100,
    };
    let known = |value: &str| if of.is_anonymous { Value::Null } else { Value::text(value) };
    Row::new(
        ACCOUNTS[usize::from(of.utility)],
        vec![
            Value::text(account_no(seed, number, of.utility)),
            Value::text(holder.name.as_str()),
            known(holder.code_type),
            known(&holder.code),
            Value::text(format!("CQ{}{:09}", of.utility, moving.below(1_000_000_000))),
            Value::text(place),
            Value::text(COUNTIES[holder.county].code),
            Value::text(if is_firm { "400" } else { "200" }),
            Value::cents(capacity),
            Value::date(opened(seed, number, holder.since, last_day)),
            Value::maybe_date(of.closed),
            Value::text(if of.closed.is_some() { "3" } else { "1" }),
            Value::instant(of.at),
        ],
    )
}

/// A bill as it stands on a day, with the time of that state.
pub(crate) struct Bill {
    pub(crate) row: Row,
    pub(crate) at: Micros,
    pub(crate) is_open: bool,
}

/// The bill of one month. `index` counts months from the oldest; `settled_at` is the time of a
/// later payment.
pub(crate) fn bill(
    seed: u64,
    number: u32,
    of: &Account,
    (index, month): (u8, Month),
    (loaded, settled_at): (Day, Option<Micros>),
) -> Bill {
    let mut dice = Dice::of(seed, &[BILL, u64::from(number), u64::from(index)]);
    let qty = quantity(seed, number, of, month, &mut dice);
    // Yuan per unit: water 3.50, power 0.52, gas 1.72.
    let price = [350, 52, 172][usize::from(of.utility)];
    let amount = qty * price / 100;
    let issued = first_day(month + 1) + dice.between(1, 4) as Day;
    let due = first_day(month + 1) + 24;
    let planned = payment(seed, number, index, due, &mut dice);
    let at_issue = midnight(issued.min(loaded)) + dice.between(0, 86_000_000_000);
    let (paid_day, at) = match (planned, settled_at) {
        (Some(day), _) if day <= loaded => (Some(day), midnight(day) + 43_200_000_000),
        (_, Some(at)) => (Some(Day::try_from(at / 86_400_000_000).unwrap_or(due)), at),
        _ => (None, at_issue),
    };
    let row = Row::new(
        BILLS[usize::from(of.utility)],
        vec![
            Value::text(account_no(seed, number, of.utility)),
            Value::date(first_day(month)),
            Value::cents(qty),
            Value::cents(amount),
            Value::cents(if paid_day.is_some() { amount } else { 0 }),
            Value::date(due),
            Value::maybe_date(paid_day),
            Value::text(if paid_day.is_some() { "1" } else { "3" }),
            Value::instant(at),
        ],
    );
    Bill { row, at, is_open: paid_day.is_none() }
}

/// Hundredths of a unit: a level, a season, some noise.
fn quantity(seed: u64, number: u32, of: &Account, month: Month, dice: &mut Dice) -> i64 {
    let mut level = Dice::of(seed, &[BILL, u64::from(number)]);
    let is_firm = matches!(of.holder, Holder::Firm(_));
    let base = match (of.utility, is_firm) {
        (1, true) => level.between(800, 60_000),
        (1, false) => level.between(60, 400),
        (_, true) => level.between(20, 4_000),
        (_, false) => level.between(5, 40),
    };
    // Summers and winters take more power, winters more gas.
    let season = match (of.utility, month.rem_euclid(12)) {
        (1, 6 | 7) => 150,
        (1 | 2, 0 | 11) => 130,
        _ => 100,
    };
    base * season * dice.between(85, 115) / 100
}

/// The day the account pays this bill, if it ever does.
fn payment(seed: u64, number: u32, index: u8, due: Day, dice: &mut Dice) -> Option<Day> {
    let mut habit = Dice::of(seed, &[BILL, u64::from(number), 0x7061]);
    let (kind, stops_at) = (habit.unit(), habit.below(u64::from(BILL_MONTHS)));
    let on_time = due - dice.between(0, 18) as Day;
    let late = due + dice.between(1, 40) as Day;
    match kind {
        k if k < 0.70 => Some(on_time),
        k if k < 0.95 => Some(if dice.chance(0.2) { late } else { on_time }),
        _ if u64::from(index) < stops_at => Some(late),
        _ => None,
    }
}
