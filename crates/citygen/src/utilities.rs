//! Water, power and gas: accounts, readings and 26 months of bills.
//!
//! How an account pays follows from its number: most are on time, some late now and then, a
//! few stop paying. A bill that was open when the city was loaded may be settled later. A bill's
//! quantity is the difference of the readings at both ends of its month.

use crate::calendar::{Day, HOUR_US, Micros, Month, day_at, first_day, midnight, month_of};
use crate::dice::{Dice, World};
use crate::fields::{ACCOUNTS, BILLS, READINGS};
use crate::persons;
use crate::places::COUNTIES;
use crate::row::{NULL, Row, cents, date, instant, maybe_date, text, wan};
use crate::stream::{Holder, Named};

/// Months of bills before the month of `as_of`: two full years and two months.
pub(crate) const BILL_MONTHS: u8 = 26;
/// Utility of a number: water, power, gas.
pub(crate) const POWER: u8 = 1;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// 0 water, 1 power, 2 gas.
    pub(crate) utility: u8,
    pub(crate) holder: Holder,
    /// The register knows the holder's name only.
    pub(crate) is_anonymous: bool,
    pub(crate) version: u8,
    /// Meters before the present one, and the day this one began at zero.
    pub(crate) meter: u8,
    pub(crate) metered_since: Day,
    pub(crate) closed: Option<Day>,
    /// One bit per bill that was settled after the city was loaded.
    pub(crate) settled: u32,
    /// One bit per bill that was withdrawn.
    pub(crate) withdrawn: u32,
    /// The last day with a daily reading, and an earlier one whose reading is late.
    pub(crate) read_to: Day,
    pub(crate) missed: Option<Day>,
    /// Time of the last change.
    pub(crate) at: Micros,
}

const ACCOUNT: u64 = 0x6163_6374;
const BILL: u64 = 0x6269_6c6c;
const READING: u64 = 0x7265_6164;

pub(crate) fn account_no(world: World, number: u32, utility: u8) -> String {
    // A permutation of 0..10⁹, so that numbers differ; 48,271 is prime.
    let place = (u64::from(number) * 48_271 + world.seed % 1_000_000_000) % 1_000_000_000;
    match utility {
        // Water numbers begin with a zero that spreadsheets like to lose.
        0 => format!("0{place:09}"),
        POWER => format!("5002{place:09}"),
        _ => format!("8{place:09}"),
    }
}

pub(crate) fn opened(world: World, number: u32, since: Day, last_day: Day) -> Day {
    let mut dice = world.dice(&[ACCOUNT, u64::from(number)]);
    // Accounts are older than their bills.
    let latest = last_day - 31 * Day::from(BILL_MONTHS) - 31;
    since.clamp(latest - 8_000, latest - 1) + dice.days(0, 30)
}

fn meter_no(world: World, number: u32, of: &Account) -> String {
    let mut dice = world.dice(&[ACCOUNT, u64::from(number), 3, u64::from(of.meter)]);
    format!("CQ{}{:09}", of.utility, dice.below(1_000_000_000))
}

pub(crate) fn row(world: World, number: u32, of: &Account, holder: &Named, last_day: Day) -> Row {
    let mut dice = world.dice(&[ACCOUNT, u64::from(number), 1]);
    let mut moving = world.dice(&[ACCOUNT, u64::from(number), 2, u64::from(of.version)]);
    let (_, place) = persons::address(holder.county, &mut dice);
    let is_firm = matches!(of.holder, Holder::Firm(_));
    let capacity = match (of.utility, is_firm) {
        (POWER, true) => moving.between(30, 800) * 100,
        (POWER, false) => moving.between(4, 16) * 100,
        (0, _) => dice.pick(&[1_500, 2_000, 4_000]),
        _ => moving.between(2, 25) * 100,
    };
    let category = match (of.utility, is_firm) {
        (POWER, true) => "400",
        (POWER, false) => "200",
        (0, true) => "非居民生活用水",
        (0, false) => "居民生活用水",
        (_, true) => "非居民用气",
        (_, false) => "居民用气",
    };
    let is_known = !of.is_anonymous;
    Row::new(
        ACCOUNTS[usize::from(of.utility)],
        vec![
            text(account_no(world, number, of.utility)),
            text(holder.name.clone()),
            if is_known { text(holder.code_type) } else { NULL },
            if is_known { text(holder.code.clone()) } else { NULL },
            text(meter_no(world, number, of)),
            text(place),
            text(COUNTIES[holder.county].code),
            text(category),
            cents(capacity),
            date(opened(world, number, holder.since, last_day)),
            maybe_date(of.closed),
            text(if of.closed.is_some() { "3" } else { "1" }),
            instant(of.at),
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
    world: World,
    number: u32,
    of: &Account,
    (index, month): (u8, Month),
    (loaded, settled_at): (Day, Option<Micros>),
) -> Bill {
    let mut dice = world.dice(&[BILL, u64::from(number), u64::from(index), 1]);
    let qty = quantity(world, number, of, month);
    // Yuan per unit: water 3.50, power 0.52, gas 1.72.
    let price = [350, 52, 172][usize::from(of.utility)];
    let amount = qty * price / 100;
    let issued = first_day(month + 1) + dice.days(1, 4);
    let due = first_day(month + 1) + 24;
    let planned = payment(world, number, index, due, &mut dice);
    let at_issue = midnight(issued.min(loaded)) + dice.between(0, 86_000_000_000);
    let (paid_day, at) = match (planned, settled_at) {
        (Some(day), _) if day <= loaded => (Some(day), midnight(day) + 43_200_000_000),
        (_, Some(at)) => (Some(day_at(at)), at),
        _ => (None, at_issue),
    };
    let row = Row::new(
        BILLS[usize::from(of.utility)],
        vec![
            text(account_no(world, number, of.utility)),
            date(first_day(month)),
            cents(qty),
            cents(amount),
            cents(if paid_day.is_some() { amount } else { 0 }),
            date(due),
            maybe_date(paid_day),
            text(if paid_day.is_some() { "1" } else { "3" }),
            instant(at),
        ],
    );
    Bill { row, at, is_open: paid_day.is_none() }
}

/// Hundredths of a unit used in a month: a level, a season, some noise.
fn quantity(world: World, number: u32, of: &Account, month: Month) -> i64 {
    let mut noise =
        world.dice(&[BILL, u64::from(number), u64::from(month.unsigned_abs()), READING]);
    // Summers and winters take more power, winters more gas.
    let season = match (of.utility, month.rem_euclid(12)) {
        (POWER, 6 | 7) => 150,
        (1 | 2, 0 | 11) => 130,
        _ => 100,
    };
    level(world, number, of).0 * season * noise.between(85, 115) / 100
}

/// Units a month, what the meter showed before the first bill, and the meter's multiplier.
fn level(world: World, number: u32, of: &Account) -> (i64, i64, i64) {
    let mut level = world.dice(&[BILL, u64::from(number)]);
    let base = match (of.utility, matches!(of.holder, Holder::Firm(_))) {
        (POWER, true) => level.between(800, 60_000),
        (POWER, false) => level.between(60, 400),
        (_, true) => level.between(20, 4_000),
        (_, false) => level.between(5, 40),
    };
    let multiplier = match (of.utility, base) {
        (POWER, 30_000..) => level.pick(&[40, 60, 100]),
        (POWER, 3_000..) => level.pick(&[10, 20]),
        _ => 1,
    };
    (base, base * level.between(500, 6_000), multiplier)
}

/// Hundredths of a unit on the first meter at the start of the months from `first` on.
pub(crate) struct Meter {
    world: World,
    number: u32,
    first: Month,
    multiplier: i64,
    /// One more than the months, so that every month has an end.
    starts: Vec<i64>,
}

impl Meter {
    /// The meter of an account from the month of its first bill to the one after the last.
    pub(crate) fn of(world: World, number: u32, of: &Account, first: Month) -> Self {
        let (_, before, multiplier) = level(world, number, of);
        let mut starts = vec![before];
        for index in 0..=Month::from(BILL_MONTHS) {
            let used = quantity(world, number, of, first + index);
            starts.push(starts.last().expect("there is a first") + used);
        }
        Self { world, number, first, multiplier, starts }
    }

    /// At midnight of a day.
    fn at(&self, day: Day) -> i64 {
        let month = month_of(day);
        let index = usize::try_from((month - self.first).clamp(0, Month::from(BILL_MONTHS)))
            .expect("not negative");
        let (start, end) = (self.starts[index], self.starts[index + 1]);
        let (from, to) = (first_day(month), first_day(month + 1));
        start + (end - start) * i64::from(day - from) / i64::from(to - from)
    }

    /// The reading of a day; `before` is the day of the reading before it.
    pub(crate) fn reading(
        &self,
        of: &Account,
        (day, before): (Day, Day),
        quality: &'static str,
    ) -> (Row, Micros) {
        let mut dice = self.world.dice(&[READING, u64::from(self.number), day_key(day)]);
        let zero = if of.meter == 0 { 0 } else { self.at(of.metered_since) };
        // Power meters report at night, the others are read by day.
        let hours = if of.utility == POWER { (0, 6) } else { (8, 18) };
        let at = midnight(day) + dice.between(hours.0 * HOUR_US, hours.1 * HOUR_US - 1);
        let mut row = Row::new(
            READINGS[usize::from(of.utility)],
            vec![
                text(account_no(self.world, self.number, of.utility)),
                text(meter_no(self.world, self.number, of)),
                instant(at),
                wan((self.at(day) - zero) * 100),
                cents(self.multiplier * 100),
                text(quality),
            ],
        );
        row.previous = (self.at(before) - zero).max(0) * 100;
        (row, at)
    }
}

fn day_key(day: Day) -> u64 {
    u64::from(day.unsigned_abs())
}

/// The day the account pays this bill, if it ever does.
fn payment(world: World, number: u32, index: u8, due: Day, dice: &mut Dice) -> Option<Day> {
    let mut habit = world.dice(&[BILL, u64::from(number), 0x7061]);
    let (kind, stops_at) = (habit.unit(), habit.below(u64::from(BILL_MONTHS)));
    let on_time = due - dice.days(0, 18);
    let late = due + dice.days(1, 40);
    match kind {
        k if k < 0.70 => Some(on_time),
        k if k < 0.95 => Some(if dice.chance(0.2) { late } else { on_time }),
        _ if u64::from(index) < stops_at => Some(late),
        _ => None,
    }
}
