//! Addresses, real-estate units and the rights to them.
//!
//! An address is a point within the built-up area of its county's seat. What stands at an address
//! has its words and its point, so that coordinates can be checked against the address.

use crate::calendar::{Day, Micros, date_of, day, midnight};
use crate::dice::World;
use crate::fields::{GEO_ADDRESS, GEO_RIGHT, GEO_UNIT};
use crate::persons::door;
use crate::places::COUNTIES;
use crate::row::{NULL, Row, cents, date, degrees, flag, instant, text, wan};
use crate::stream::Named;
use chrono::Datelike;

const PLACE: u64 = 0x706c_6163;
const UNIT: u64 = 0x756e_6974;
/// Half the side of the square around a seat in which addresses lie: about 800 m.
const SPREAD: i64 = 8_000;

/// A registered address.
pub(crate) struct Place {
    pub(crate) code: String,
    pub(crate) words: String,
    pub(crate) division12: String,
    /// Millionths of a degree, CGCS2000.
    pub(crate) lon: i64,
    pub(crate) lat: i64,
}

/// The address of a number in a county.
pub(crate) fn place(world: World, number: u32, county: usize) -> Place {
    let mut dice = world.dice(&[PLACE, u64::from(number)]);
    let county = &COUNTIES[county];
    let street = &county.streets[dice.index(3)];
    let (lon, lat) = county.seat;
    Place {
        code: format!("{}{}{number:09}", county.code, &street.code[..3]),
        words: door(county.name, street.name, &mut dice),
        division12: format!("{}{}", county.code, street.village),
        lon: lon + dice.between(-SPREAD, SPREAD),
        lat: lat + dice.between(-SPREAD, SPREAD),
    }
}

pub(crate) fn address_row(place: &Place, at: Micros) -> Row {
    Row::new(
        GEO_ADDRESS,
        vec![
            text(place.code.clone()),
            text(place.words.clone()),
            text(place.division12.clone()),
            degrees(place.lon),
            degrees(place.lat),
            instant(at),
        ],
    )
}

/// Code of a unit: county, cadastral areas, parcel and fixture; its number is in the fixture.
pub(crate) fn unit_code(world: World, number: u32, county: usize) -> String {
    let mut dice = world.dice(&[UNIT, u64::from(number), 1]);
    let (area, part) = (dice.between(1, 40), dice.between(1, 20));
    let parcel = dice.between(1, 99_999);
    format!("{}{area:03}{part:03}GB{parcel:05}F{:08}", COUNTIES[county].code, number % 100_000_000)
}

pub(crate) fn unit_row(world: World, number: u32, county: usize, place: &Place, at: Micros) -> Row {
    let mut dice = world.dice(&[UNIT, u64::from(number)]);
    let building = dice.between(4_000, 90_000);
    Row::new(
        GEO_UNIT,
        vec![
            text(unit_code(world, number, county)),
            text(COUNTIES[county].code),
            text(place.words.clone()),
            text(dice.pick(&["0701", "0701", "0501", "0601", "0801"])),
            cents(building * dice.between(2, 40)),
            cents(building),
            degrees(place.lon),
            degrees(place.lat),
            text(if dice.chance(0.95) { "CGCS2000" } else { "WGS84" }),
            text("1"),
            instant(at),
        ],
    )
}

/// The right of a holder to the unit of the same number.
pub(crate) fn right_row(
    world: World,
    number: u32,
    county: usize,
    holder: &Named,
    (since, loaded): (Day, Day),
) -> (Row, Micros) {
    let mut dice = world.dice(&[UNIT, u64::from(number), 2]);
    // Certificates of this form began in March 2015.
    let since = since.max(day(2015, 3, 1)).min(loaded - 1);
    let registered = since + dice.days(0, (loaded - since).clamp(1, 6_000)) - 1;
    let is_mortgaged = dice.chance(0.3);
    let at = midnight(registered) + dice.between(0, 86_399_999_999);
    let year = date_of(registered).year();
    let row = Row::new(
        GEO_RIGHT,
        vec![
            text(format!("渝({year}){}不动产权第{number:09}号", COUNTIES[county].name)),
            text(unit_code(world, number, county)),
            text(holder.name.clone()),
            text(holder.code.clone()),
            text(if dice.chance(0.9) { "所有权" } else { "使用权" }),
            wan(1_000_000),
            date(registered),
            NULL,
            flag(is_mortgaged),
            if is_mortgaged { cents(dice.between(20, 900) * 100) } else { NULL },
            flag(dice.chance(0.02)),
            instant(at),
        ],
    );
    (row, at)
}
