//! Residents: who they are follows from their number, how they live from their version.

use crate::calendar::{Micros, date_of, day_of};
use crate::dice::Dice;
use crate::fields::NP_PERSON;
use crate::ids::{Resident, resident};
use crate::lists::{COUNTIES, DOTTED, GIVEN, ROADS, SURNAMES};
use crate::row::{Row, Value};
use chrono::Months;

/// What changes about a resident.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Person {
    pub(crate) version: u8,
    /// The id was found wrong and replaced.
    pub(crate) has_new_id: bool,
    pub(crate) is_gone: bool,
    /// Someone refers to the id: it is neither replaced nor deleted.
    pub(crate) is_referenced: bool,
    /// Time of the last change.
    pub(crate) at: Micros,
}

/// Numbers of replaced ids lie beyond those of first ids.
const NEW_ID_OFFSET: u64 = 40_000_000;
const NAME: u64 = 0x6e61_6d65;
const LIFE: u64 = 0x6c69_6665;

pub(crate) fn identity(seed: u64, number: u32, person: Person) -> Resident {
    let offset = if person.has_new_id { NEW_ID_OFFSET } else { 0 };
    let mut found = resident(seed, u64::from(number) + offset);
    if person.has_new_id {
        // It is the same person: sex and county of the register stay.
        let first = resident(seed, u64::from(number));
        found.county = first.county;
    }
    found
}

pub(crate) fn name(seed: u64, number: u32) -> String {
    let mut dice = Dice::of(seed, &[NAME, u64::from(number)]);
    if dice.chance(0.02) {
        return dice.pick(&DOTTED).to_owned();
    }
    let mut name = String::from(dice.pick(&SURNAMES));
    name.push_str(dice.pick(&GIVEN));
    if dice.chance(0.7) {
        name.push_str(dice.pick(&GIVEN));
    }
    name
}

pub(crate) fn row(seed: u64, number: u32, person: Person) -> Row {
    let who = identity(seed, number, person);
    let mut fixed = Dice::of(seed, &[LIFE, u64::from(number)]);
    let mut moving = Dice::of(seed, &[LIFE, u64::from(number), u64::from(person.version)]);
    let lives_in = if fixed.chance(0.8) { who.county } else { county(&mut fixed) };
    let (street, place) = address(lives_in, &mut moving);
    let age_40 = date_of(who.born).checked_add_months(Months::new(480)).map(day_of);
    let ethnicity = if fixed.chance(0.9) { "01" } else { fixed.pick(&["06", "15"]) };
    let dies = fixed.chance(0.01);
    Row::new(
        NP_PERSON,
        vec![
            Value::text(who.id.as_str()),
            Value::text(name(seed, number)),
            Value::text(if who.is_male { "1" } else { "2" }),
            Value::text(ethnicity),
            Value::date(who.born),
            Value::text(COUNTIES[who.county].code),
            Value::text(if fixed.chance(0.6) { "1" } else { "2" }),
            Value::text(street),
            Value::text(place),
            if fixed.chance(0.92) { Value::text(phone(&mut moving)) } else { Value::Null },
            Value::text(moving.pick(&["10", "20", "20", "20", "40"])),
            Value::text(fixed.pick(&["20", "30", "60", "70", "70", "80"])),
            Value::Bool(!dies),
            if dies { Value::maybe_date(age_40) } else { Value::Null },
            Value::instant(person.at),
        ],
    )
}

/// A street's code and an address in it.
pub(crate) fn address(county: usize, dice: &mut Dice) -> (String, String) {
    let county = &COUNTIES[county];
    let (suffix, street) = dice.pick(&county.streets);
    let (road, number) = (dice.pick(&ROADS), dice.between(1, 399));
    let (block, floor, flat) = (dice.between(1, 20), dice.between(1, 33), dice.between(1, 8));
    let name = county.name;
    let code = format!("{}{suffix}", county.code);
    (code, format!("重庆市{name}{street}{road}{number}号{block}栋{floor}-{flat}"))
}

pub(crate) fn county(dice: &mut Dice) -> usize {
    usize::try_from(dice.below(COUNTIES.len() as u64)).expect("below the number of counties")
}

fn phone(dice: &mut Dice) -> String {
    let second = dice.pick(&["35", "36", "52", "58", "77", "83", "86", "99"]);
    format!("1{second}{:08}", dice.between(1_000_000, 98_999_999))
}
