//! Firms, their shareholders and their annual reports.

use crate::calendar::{Day, Micros, date_of, day, midnight};
use crate::dice::{Dice, World};
use crate::estate;
use crate::fields::{LE_ANNUAL_REPORT, LE_ENTITY, LE_SHAREHOLDER};
use crate::ids::{firm_number, org_body, reg_no, uscc};
use crate::lists::{FIRM_FIRST, FIRM_SECOND, TRADES};
use crate::persons::{self, Person};
use crate::places::COUNTIES;
use crate::row::{NULL, Row, cents, date, degrees, instant, int, maybe_date, text, wan};
use chrono::Datelike;

/// What is remembered of a firm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Firm {
    /// Its first shareholder and legal representative; the others follow.
    pub(crate) first_person: u32,
    pub(crate) person_count: u8,
    /// Its registered address.
    pub(crate) address: u32,
    /// Another firm that holds shares, if any.
    pub(crate) parent: Option<u32>,
    pub(crate) version: u8,
    /// The day it was struck off, or its licence revoked.
    pub(crate) ended: Option<Day>,
    pub(crate) is_revoked: bool,
    /// Time of the last change.
    pub(crate) at: Micros,
}

const FIRM: u64 = 0x6669_726d;
const SHARE: u64 = 0x7368_6172;
const REPORT: u64 = 0x7265_706f;

/// What never changes about a firm.
pub(crate) struct Identity {
    pub(crate) uscc: String,
    pub(crate) name: String,
    pub(crate) reg_no: Option<String>,
    pub(crate) entity_type: &'static str,
    pub(crate) founded: Day,
    pub(crate) county: usize,
    pub(crate) trade: usize,
    pub(crate) capital_wan: i64,
    dice: Dice,
}

impl Identity {
    /// Class of a person subject to decisions: 1 legal entity, 3 sole trader.
    pub(crate) fn subject_type(&self) -> &'static str {
        if self.entity_type == "9500" { "3" } else { "1" }
    }
}

pub(crate) fn identity(world: World, number: u32) -> Identity {
    let mut dice = world.dice(&[FIRM, u64::from(number)]);
    let (class, entity_type) = match dice.below(20) {
        0 => ("93", "9100"),
        1..=4 => ("92", "9500"),
        5 => ("91", "1200"),
        6 | 7 => ("91", "1150"),
        _ => ("91", "1130"),
    };
    let county = persons::county(&mut dice);
    let trade = dice.index(TRADES.len());
    let founded = day(2004, 1, 1) + dice.days(0, 5_099);
    let region = COUNTIES[county].code;
    let old_number = reg_no(region, u64::from(number));
    let body = org_body(world.seed, u64::from(number));
    let capital_wan = dice.pick(&[3, 10, 50, 100, 100, 200, 500, 1_000, 5_000]);
    Identity {
        uscc: uscc(class, region, &body),
        name: full_name(entity_type, county, trade, &mut dice),
        // The credit code replaced registration numbers in October 2015.
        reg_no: (founded < day(2015, 10, 1)).then_some(old_number),
        entity_type,
        founded,
        county,
        trade,
        capital_wan,
        dice,
    }
}

/// The registration number of the firm that holds a credit code, if it has one.
pub(crate) fn reg_no_of(world: World, uscc: &str) -> Option<String> {
    let number = u32::try_from(firm_number(world.seed, uscc)?).ok()?;
    let firm = identity(world, number);
    firm.reg_no.filter(|_| firm.uscc == uscc)
}

pub(crate) fn row(world: World, number: u32, firm: &Firm) -> Row {
    let of = identity(world, number);
    let mut dice = of.dice;
    let mut moving = world.dice(&[FIRM, u64::from(number), u64::from(firm.version)]);
    let place = estate::place(world, firm.address, of.county);
    let status = match (firm.ended, firm.is_revoked) {
        (None, _) => "1",
        (_, true) => "2",
        _ => "4",
    };
    let rep = persons::identity(world, firm.first_person, Person::default());
    let grown = of.capital_wan * i64::from(1 + firm.version / 3);
    let approved = of.founded + dice.days(0, 299);
    Row::new(
        LE_ENTITY,
        vec![
            text(of.uscc),
            of.reg_no.map_or(NULL, text),
            text(of.name),
            text(of.entity_type),
            text(status),
            text(persons::name(world, firm.first_person)),
            text(rep.id),
            wan(grown * 10_000),
            text("156"),
            date(of.founded),
            date(approved),
            maybe_date(firm.ended.filter(|_| !firm.is_revoked)),
            maybe_date(firm.ended.filter(|_| firm.is_revoked)),
            text(TRADES[of.trade].0),
            text(TRADES[of.trade].2),
            text(COUNTIES[of.county].code),
            text(place.words),
            degrees(place.lon),
            degrees(place.lat),
            int(moving.between(1, 30) * of.capital_wan.clamp(1, 40) / 4 + 1),
            instant(firm.at),
        ],
    )
}

/// Number of holders: the persons, and the parent if there is one.
pub(crate) fn holder_count(firm: &Firm) -> u8 {
    firm.person_count + u8::from(firm.parent.is_some())
}

/// Rate of firms whose shares do not add up (D48).
const WRONG_SUM: f64 = 0.005;

/// Whether the shares of a firm are written as fractions of one, or one of them is too small.
pub(crate) fn shares_fault(world: World, number: u32) -> Option<bool> {
    let mut dice = world.dice(&[SHARE, u64::from(number), 0x4448]);
    dice.chance(WRONG_SUM * world.scale).then(|| dice.chance(0.7))
}

/// The shareholder with a sequence number from 1.
pub(crate) fn shareholder(world: World, number: u32, firm: &Firm, seq: u8) -> Row {
    let of = identity(world, number);
    let parent = firm.parent.filter(|_| seq > firm.person_count);
    let (name, kind, code) = match parent {
        Some(parent) => {
            let holder = identity(world, parent);
            (holder.name, "001", holder.uscc)
        }
        None => {
            let person = firm.first_person + u32::from(seq) - 1;
            let holder = persons::identity(world, person, Person::default());
            (persons::name(world, person), "111", holder.id)
        }
    };
    let (count, seq) = (i64::from(holder_count(firm)), i64::from(seq));
    // Equal parts of 100 %, the first holder takes what is left over.
    let part = 10_000 / count;
    let ratio = if seq == 1 { 10_000 - part * (count - 1) } else { part };
    let subscribed = of.capital_wan * ratio;
    let mut dice = world.dice(&[SHARE, u64::from(number), seq.unsigned_abs()]);
    let paid_percent = (dice.between(0, 10) * 10 + i64::from(firm.version) * 10).min(100);
    let written = match shares_fault(world, number) {
        None => ratio * 100,
        Some(true) => ratio,
        Some(false) => ratio * 90,
    };
    Row::new(
        LE_SHAREHOLDER,
        vec![
            text(of.uscc),
            int(seq),
            text(name),
            text(kind),
            text(code),
            wan(subscribed),
            wan(subscribed * paid_percent / 100),
            wan(written),
            instant(firm.at),
        ],
    )
}

/// The report of a year, published in the first half of the next; with the event's time. A
/// correction is what the assets are higher by, hundredths.
pub(crate) fn report(world: World, number: u32, year: i32, correction: i64) -> (Row, Micros) {
    let of = identity(world, number);
    let mut dice = world.dice(&[REPORT, u64::from(number), u64::from(year.unsigned_abs())]);
    let published = day(year + 1, 1, 5) + dice.days(0, 139);
    let assets = of.capital_wan * dice.between(80, 600) + correction;
    let revenue = assets * dice.between(20, 300) / 100;
    let profit = revenue * dice.between(-10, 25) / 100;
    let row = Row::new(
        LE_ANNUAL_REPORT,
        vec![
            text(of.uscc),
            int(year),
            cents(assets),
            cents(revenue),
            cents(profit),
            cents(revenue * dice.between(1, 9) / 100),
            int(dice.between(1, 300)),
            date(published),
        ],
    );
    (row, midnight(published) + dice.between(0, 86_399_999_999))
}

/// Years a firm reports on: from its first, at most four, up to the year before.
pub(crate) fn report_years(founded: Day, as_of: Day) -> std::ops::Range<i32> {
    let this_year = date_of(as_of).year();
    date_of(founded).year().max(this_year - 4).max(2013)..this_year
}

fn full_name(entity_type: &str, county: usize, trade: usize, dice: &mut Dice) -> String {
    let (first, second) = (dice.pick(&FIRM_FIRST), dice.pick(&FIRM_SECOND));
    let trade = TRADES[trade].1;
    let county = COUNTIES[county].name;
    match entity_type {
        "9500" => format!("{county}{first}{second}{trade}经营部"),
        "9100" => format!("{county}{first}{second}农民专业合作社"),
        "1200" => format!("重庆{first}{second}{trade}股份有限公司"),
        _ if dice.chance(0.1) => format!("{first}{second}{trade}（重庆）有限公司"),
        _ => format!("重庆{first}{second}{trade}有限公司"),
    }
}
