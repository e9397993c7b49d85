//! Residents: who they are follows from their number, how they live from their version.

use crate::calendar::{Day, Micros, day, midnight};
use crate::dice::{Dice, World};
use crate::fields::{NP_HOUSEHOLD_MEMBER, NP_PERSON};
use crate::ids::{Age, Resident, resident, resident_count};
use crate::lists::{DOTTED, GIVEN, ROADS, SURNAMES};
use crate::places::COUNTIES;
use crate::row::{NULL, Row, date, flag, instant, maybe_date, text};

/// What changes about a resident.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Person {
    pub(crate) age: Age,
    pub(crate) household: u32,
    /// Index of the county of the household.
    pub(crate) home: u8,
    pub(crate) version: u8,
    /// The id was found wrong and replaced.
    pub(crate) has_new_id: bool,
    pub(crate) is_gone: bool,
    /// Someone refers to the id: it is neither replaced nor deleted.
    pub(crate) is_referenced: bool,
    /// Time of the last change.
    pub(crate) at: Micros,
}

const NAME: u64 = 0x6e61_6d65;
const LIFE: u64 = 0x6c69_6665;
const MOVED: u64 = 0x6d6f_7665;
/// Rate of ids with a region that was not in force in the year of birth (D14).
const MOVED_RATE: f64 = 0.01;

pub(crate) fn identity(world: World, number: u32, person: Person) -> Resident {
    let moved = world.dice(&[MOVED, u64::from(number)]).chance(MOVED_RATE * world.scale);
    // Numbers of replaced ids lie beyond those of first ids.
    let offset = if person.has_new_id { resident_count(person.age) / 2 } else { 0 };
    resident(world.seed, person.age, u64::from(number) + offset, moved)
}

pub(crate) fn name(world: World, number: u32) -> String {
    let mut dice = world.dice(&[NAME, u64::from(number)]);
    if dice.chance(0.02) {
        return dice.pick(&DOTTED).to_owned();
    }
    let mut name = String::with_capacity(9);
    name.push_str(dice.pick(&SURNAMES));
    name.push_str(dice.pick(&GIVEN));
    if dice.chance(0.7) {
        name.push_str(dice.pick(&GIVEN));
    }
    name
}

/// The day a resident died, if it is so: one elder in twelve, after the seventieth birthday.
pub(crate) fn death(world: World, number: u32, person: Person, born: Day) -> Option<Day> {
    let mut dice = world.dice(&[LIFE, u64::from(number), 0]);
    let dies = dice.chance(0.08) && person.age == Age::Elder;
    dies.then(|| born + 70 * 366 + dice.days(0, 3_000))
}

pub(crate) fn row(world: World, number: u32, person: Person) -> Row {
    let who = identity(world, number, person);
    let mut fixed = world.dice(&[LIFE, u64::from(number)]);
    let mut moving = world.dice(&[LIFE, u64::from(number), u64::from(person.version) + 1]);
    let home = usize::from(person.home);
    let lives_in = if fixed.chance(0.8) { home } else { county(&mut fixed) };
    let (street, place) = address(lives_in, &mut moving);
    let ethnicity = if fixed.chance(0.9) { "01" } else { fixed.pick(&["06", "15"]) };
    let died = death(world, number, person, who.born);
    let (marital, education) = match person.age {
        Age::Child => ("10", "90"),
        Age::Adult => (
            moving.pick(&["10", "20", "20", "20", "40"]),
            fixed.pick(&["20", "30", "60", "70", "70", "80"]),
        ),
        Age::Elder => (moving.pick(&["20", "20", "30"]), fixed.pick(&["70", "80", "80", "90"])),
    };
    Row::new(
        NP_PERSON,
        vec![
            text(who.id),
            text(name(world, number)),
            text(if who.is_male { "1" } else { "2" }),
            text(ethnicity),
            date(who.born),
            text(COUNTIES[home].code),
            text(if fixed.chance(0.6) { "1" } else { "2" }),
            text(street),
            text(place),
            if fixed.chance(0.92) { text(phone(&mut moving)) } else { NULL },
            text(marital),
            text(education),
            flag(died.is_none()),
            maybe_date(died),
            instant(person.at),
        ],
    )
}

/// Relation of the head of a household to itself (GB/T 4761).
pub(crate) const HEAD: &str = "02";

/// Relation of a member to the head of the household, who comes first.
pub(crate) fn relation(place: usize, who: &Resident, age: Age, head: &Resident) -> &'static str {
    match (place, age) {
        (0, _) => HEAD,
        (_, Age::Elder) => "50",
        (_, Age::Child) if who.is_male => "20",
        (_, Age::Child) => "30",
        _ if who.is_male != head.is_male => "10",
        _ => "70",
    }
}

/// A village of a county, twelve digits.
pub(crate) fn village(county: usize, dice: &mut Dice) -> String {
    let county = &COUNTIES[county];
    let street = &county.streets[dice.index(3)];
    format!("{}{}", county.code, street.village)
}

/// Number of a household: ten digits, the first of them a zero that spreadsheets like to lose.
pub(crate) fn household_no(world: World, household: u32) -> String {
    // A permutation of 0..10⁹, so that numbers differ; 60,013 is prime.
    let place = (u64::from(household) * 60_013 + world.seed % 1_000_000_000) % 1_000_000_000;
    format!("0{place:09}")
}

/// The membership of a resident in the household.
pub(crate) fn member_row(world: World, number: u32, person: Person, relation: &'static str) -> Row {
    let who = identity(world, number, person);
    let died = death(world, number, person, who.born);
    let mut dice = world.dice(&[LIFE, u64::from(person.household), 7]);
    let since = who.born.max(day(1995, 1, 1) + dice.days(0, 7_000));
    Row::new(
        NP_HOUSEHOLD_MEMBER,
        vec![
            text(household_no(world, person.household)),
            text(who.id),
            text(relation),
            flag(relation == HEAD),
            text(village(usize::from(person.home), &mut dice)),
            date(since.min(died.unwrap_or(Day::MAX))),
            maybe_date(died),
            instant(person.at.max(midnight(since))),
        ],
    )
}

/// A street's code and an address in it.
pub(crate) fn address(county: usize, dice: &mut Dice) -> (String, String) {
    let county = &COUNTIES[county];
    let street = &county.streets[dice.index(3)];
    (format!("{}{}", county.code, street.code), door(county.name, street.name, dice))
}

/// `重庆市渝中区解放碑街道民生路108号3栋12-4`
pub(crate) fn door(county: &str, street: &str, dice: &mut Dice) -> String {
    let (road, number) = (dice.pick(&ROADS), dice.between(1, 399));
    let (block, floor, flat) = (dice.between(1, 20), dice.between(1, 33), dice.between(1, 8));
    format!("重庆市{county}{street}{road}{number}号{block}栋{floor}-{flat}")
}

pub(crate) fn county(dice: &mut Dice) -> usize {
    dice.index(COUNTIES.len())
}

pub(crate) fn phone(dice: &mut Dice) -> String {
    let second = dice.pick(&["35", "36", "52", "58", "77", "83", "86", "99"]);
    format!("1{second}{:08}", dice.between(1_000_000, 98_999_999))
}
