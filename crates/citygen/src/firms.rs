//! Firms, their shareholders and their annual reports.

use crate::calendar::{Day, Micros, date_of, day, midnight};
use crate::dice::Dice;
use crate::fields::{LE_ANNUAL_REPORT, LE_ENTITY, LE_SHAREHOLDER};
use crate::ids::{org_body, reg_no, uscc};
use crate::lists::{COUNTIES, FIRM_FIRST, FIRM_SECOND, TRADES};
use crate::persons::{self, Person};
use crate::row::{Row, Value};
use chrono::Datelike;

/// What is remembered of a firm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Firm {
    /// Its first shareholder and legal representative; the others follow.
    pub(crate) first_person: u32,
    pub(crate) person_count: u8,
    /// Another firm that holds shares, if any.
    pub(crate) parent: Option<u32>,
    pub(crate) version: u8,
    /// The day it was struck off.
    pub(crate) ended: Option<Day>,
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

pub(crate) fn identity(seed: u64, number: u32) -> Identity {
    let mut dice = Dice::of(seed, &[FIRM, u64::from(number)]);
    let (class, entity_type) = match dice.below(20) {
        0 => ("93", "9100"),
        1..=4 => ("92", "9500"),
        5 => ("91", "1200"),
        6 | 7 => ("91", "1150"),
        _ => ("91", "1130"),
    };
    let county = persons::county(&mut dice);
    let trade = usize::try_from(dice.below(TRADES.len() as u64)).expect("an index of trades");
    let founded = day(2004, 1, 1) + i32::try_from(dice.below(5_100)).expect("14 years of days");
    let region = COUNTIES[county].code;
    let old_number = reg_no(region, u64::from(number));
    let body = org_body(seed, u64::from(number));
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

pub(crate) fn row(seed: u64, number: u32, firm: &Firm) -> Row {
    let Identity {
        uscc,
        name,
        reg_no,
        entity_type,
        founded,
        county,
        trade,
        capital_wan,
        mut dice,
        ..
    } = identity(seed, number);
    let mut moving = Dice::of(seed, &[FIRM, u64::from(number), u64::from(firm.version)]);
    let (_, place) = persons::address(county, &mut dice);
    let status = if firm.ended.is_some() { "4" } else { "1" };
    let rep = persons::identity(seed, firm.first_person, Person::default());
    let (lon, lat) = (dice.between(105_900_000, 107_500_000), dice.between(29_000_000, 30_200_000));
    let degrees =
        |micro: i64| Value::Number(format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000));
    let grown = capital_wan * i64::from(1 + firm.version / 3);
    let approved = founded + i32::try_from(dice.below(300)).expect("below 300");
    let mut row = Row::new(
        LE_ENTITY,
        vec![
            Value::text(uscc),
            reg_no.clone().map_or(Value::Null, Value::Text),
            Value::text(name),
            Value::text(entity_type),
            Value::text(status),
            Value::text(persons::name(seed, firm.first_person)),
            Value::text(rep.id),
            Value::Number(format!("{grown}.0000")),
            Value::text("156"),
            Value::date(founded),
            Value::date(approved),
            Value::maybe_date(firm.ended),
            Value::Null,
            Value::text(TRADES[trade].0),
            Value::text(TRADES[trade].2),
            Value::text(COUNTIES[county].code),
            Value::text(place),
            degrees(lon),
            degrees(lat),
            Value::int(moving.between(1, 30) * capital_wan.clamp(1, 40) / 4 + 1),
            Value::instant(firm.at),
        ],
    );
    row.reg_no = reg_no;
    row
}

/// Number of holders: the persons, and the parent if there is one.
pub(crate) fn holder_count(firm: &Firm) -> u8 {
    firm.person_count + u8::from(firm.parent.is_some())
}

/// The shareholder with a sequence number from 1.
pub(crate) fn shareholder(seed: u64, number: u32, firm: &Firm, seq: u8) -> Row {
    let of = identity(seed, number);
    let parent = firm.parent.filter(|_| seq > firm.person_count);
    let (name, kind, code) = match parent {
        Some(parent) => {
            let holder = identity(seed, parent);
            (holder.name, "001", holder.uscc)
        }
        None => {
            let person = firm.first_person + u32::from(seq) - 1;
            let holder = persons::identity(seed, person, Person::default());
            (persons::name(seed, person), "111", holder.id)
        }
    };
    let (count, seq) = (i64::from(holder_count(firm)), i64::from(seq));
    // Equal parts of 100 %, the first holder takes what is left over.
    let part = 10_000 / count;
    let ratio = if seq == 1 { 10_000 - part * (count - 1) } else { part };
    let subscribed = of.capital_wan * ratio;
    let mut dice = Dice::of(seed, &[SHARE, u64::from(number), seq.unsigned_abs()]);
    let paid_percent = (dice.between(0, 10) * 10 + i64::from(firm.version) * 10).min(100);
    let wan = |ten_thousandths: i64| {
        Value::Number(format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000))
    };
    let mut row = Row::new(
        LE_SHAREHOLDER,
        vec![
            Value::text(of.uscc),
            Value::int(seq),
            Value::text(name),
            Value::text(kind),
            Value::text(code),
            wan(subscribed),
            wan(subscribed * paid_percent / 100),
            Value::Number(format!("{}.{:02}00", ratio / 100, ratio % 100)),
            Value::instant(firm.at),
        ],
    );
    row.reg_no = of.reg_no;
    row
}

/// The report of a year, published in the first half of the next; with the event's time.
pub(crate) fn report(seed: u64, number: u32, year: i32, correction: u8) -> (Row, Micros) {
    let of = identity(seed, number);
    let mut dice = Dice::of(seed, &[REPORT, u64::from(number), u64::from(year.unsigned_abs())]);
    let published = day(year + 1, 1, 5) + i32::try_from(dice.below(140)).expect("below 140");
    let assets = of.capital_wan * dice.between(80, 600) + i64::from(correction);
    let revenue = assets * dice.between(20, 300) / 100;
    let profit = revenue * dice.between(-10, 25) / 100;
    let mut row = Row::new(
        LE_ANNUAL_REPORT,
        vec![
            Value::text(of.uscc),
            Value::int(i64::from(year)),
            Value::cents(assets),
            Value::cents(revenue),
            Value::cents(profit),
            Value::cents(revenue * dice.between(1, 9) / 100),
            Value::int(dice.between(1, 300)),
            Value::date(published),
        ],
    );
    row.reg_no = of.reg_no;
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
