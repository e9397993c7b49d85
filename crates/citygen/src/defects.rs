//! Which defects befall a row, at the rates of the dirty-data catalogue.
//!
//! A cell has at most one defect. Defects of several cells come first (times of a batch, pairs
//! of dates, coordinates, ids that are what they are), then each cell that is left has one draw.
//! Cells of the key are spared those that no one could undo by reading the cell again, except
//! for resident ids and credit codes, where that is the point, and for times.

use crate::Injected;
use crate::cells::spoil;
use crate::dice::{Dice, World};
use crate::fields::{GEO_ADDRESS, Kind, LE_ENTITY, LE_SHAREHOLDER};
use crate::firms::shares_fault;
use crate::geo;
use crate::ids::firm_number;
use crate::regions::was_in_force;
use crate::row::{Row, Value};

/// Codes and default rates per applicable cell (`default_injection_rate` of the catalogue).
type Class = (&'static str, f64);

/// Defects that any text can have and that normalising undoes.
const SPACING: &[Class] = &[("D01", 0.01), ("D02", 0.02), ("D03", 0.002)];
/// Defects of any text that lose it, or part of it.
const NO_VALUE: &[Class] = &[("D04", 0.03)];
const GARBLED: &[Class] = &[("D05", 0.002), ("D06", 0.001)];
const RESIDENT: &[Class] = &[
    ("D07", 0.01),
    ("D08", 0.005),
    ("D09", 0.0005),
    ("D10", 0.0005),
    ("D11", 0.0005),
    ("D12", 0.003),
    ("D13", 0.004),
];
const CREDIT: &[Class] = &[("D15", 0.01), ("D16", 0.006), ("D17", 0.006), ("D18", 0.0001)];
const DATE: &[Class] = &[("D19", 0.02), ("D20", 0.002), ("D21", 0.01)];
/// A key that cannot be read takes its row with it; only other spellings.
const KEY_DATE: &[Class] = &[("D19", 0.02)];
const OPEN_END: &[Class] = &[("D22", 0.02)];
const CLOCK: &[Class] = &[("D25", 0.001)];
const CODE: &[Class] = &[("D26", 0.03), ("D27", 0.005), ("D45", 0.01)];
const MEMBER: &[Class] = &[("D27", 0.005)];
const DIVISION: &[Class] = &[("D28", 0.01), ("D29", 0.005)];
const MONEY: &[Class] = &[("D34", 0.002), ("D35", 0.01)];
const MEASURE: &[Class] = &[("D35", 0.01)];
const METER: &[Class] = &[("D40", 0.002), ("D41", 0.001)];
const ORPHAN: &[Class] = &[("D42", 0.003)];
const NAME: &[Class] = &[("D43", 0.01)];
const PHONE: &[Class] = &[("D44", 0.01)];
const NUMBER: &[Class] = &[("D45", 0.01)];
const CROSS: &[Class] = &[("D46", 0.005)];
const LEAK: &[Class] = &[("D49", 0.02)];
const NONE: &[Class] = &[];

/// Rates of defects that concern several cells.
const INVERTED: f64 = 0.002;
const NO_END: f64 = 0.01;
/// Of a pair of coordinates: swapped, outside, in metres, in GCJ-02.
const PLACES: [Class; 4] = [("D30", 0.005), ("D31", 0.005), ("D33", 0.003), ("D32", 0.02)];

/// The batch that a row comes with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch {
    /// All its times are UTC, without saying so (D24).
    pub(crate) is_utc: bool,
}

/// A row on its way to be spoilt: which cells have their defect.
struct Spoiling<'a> {
    row: &'a mut Row,
    world: World,
    dice: &'a mut Dice,
    taken: u32,
    injected: Vec<Injected>,
}

/// D14 in the key of a row that is deleted; nothing else of its image counts.
pub(crate) fn regions_of_key(row: &Row) -> Vec<Injected> {
    let fields = row.dataset().fields;
    let places = row.dataset().key.iter().copied();
    let named = places.filter(|place| is_of_another_time(fields[*place].1, &row.values[*place]));
    named.map(|place| injected(row, place, "D14")).collect()
}

/// Spoils cells of a row and says which.
pub(crate) fn spoil_row(
    row: &mut Row,
    world: World,
    batch: Batch,
    dice: &mut Dice,
) -> Vec<Injected> {
    let mut spoiling = Spoiling { row, world, dice, taken: 0, injected: Vec::new() };
    if batch.is_utc {
        spoiling.lose_offsets();
    }
    spoiling.name_regions();
    spoiling.invert_pairs();
    spoiling.misplace();
    spoiling.tell_shares();
    spoiling.lose_end();
    spoiling.draw_cells();
    spoiling.injected
}

impl Spoiling<'_> {
    fn kind(&self, place: usize) -> Kind {
        self.row.dataset().fields[place].1
    }

    fn is_free(&self, place: usize) -> bool {
        self.taken & (1 << place) == 0
    }

    /// Notes a defect that the value has already.
    fn mark(&mut self, place: usize, code: &'static str) {
        self.taken |= 1 << place;
        self.injected.push(injected(self.row, place, code));
    }

    fn replace(&mut self, place: usize, spoilt: Value, code: &'static str) {
        self.mark(place, code);
        self.row.values[place] = spoilt;
    }

    fn befalls(&mut self, rate: f64) -> bool {
        self.dice.chance(rate * self.world.scale)
    }

    /// D24: times as UTC without an offset.
    fn lose_offsets(&mut self) {
        for place in 0..self.row.values.len() {
            if let Value::Instant(at) = self.row.values[place] {
                self.replace(place, Value::Utc(at), "D24");
            }
        }
    }

    /// D14: who holds an id of a region that was not in force, holds it everywhere.
    fn name_regions(&mut self) {
        for place in 0..self.row.values.len() {
            if is_of_another_time(self.kind(place), &self.row.values[place]) {
                self.mark(place, "D14");
            }
        }
    }

    /// D23: an end before its beginning.
    fn invert_pairs(&mut self) {
        for (later, earlier) in self.row.dataset().pairs {
            if !self.is_free(*later) || !self.is_free(*earlier) {
                continue;
            }
            let days = self.dice.days(1, 400);
            let inverted = match (&self.row.values[*later], &self.row.values[*earlier]) {
                (Value::Date(_), Value::Date(from)) => Value::Date(from - days),
                (Value::Instant(_), Value::Instant(from)) => {
                    Value::Instant(from - i64::from(days) * 600_000_000)
                }
                _ => continue,
            };
            if self.befalls(INVERTED) {
                self.replace(*later, inverted, "D23");
            }
        }
    }

    /// D30 to D33: a pair of coordinates, both cells.
    fn misplace(&mut self) {
        let kinds = self.row.dataset().fields.iter();
        let Some(at) = kinds.map(|(_, kind)| kind).position(|kind| *kind == Kind::Longitude) else {
            return;
        };
        let (Value::Scaled(lon, places), Value::Scaled(lat, _)) =
            (&self.row.values[at], &self.row.values[at + 1])
        else {
            return;
        };
        let (lon, lat, places) = (*lon, *lat, *places);
        // Addresses are what other coordinates are held against.
        let has_address = self.row.dataset != GEO_ADDRESS;
        let system = self.row.values.get(at + 2);
        let says_cgcs = !matches!(system, Some(Value::Text(system)) if system != "CGCS2000");
        let shifts = has_address && says_cgcs;
        let mut left = self.dice.unit() / self.world.scale;
        let drawn = PLACES.iter().find(|(_, rate)| {
            left -= rate;
            left < 0.0
        });
        let (lon, lat, places, code) = match drawn {
            Some((code @ "D30", _)) => (lat, lon, places, *code),
            Some((code @ "D31", _)) => {
                let (lon, lat) = self.dice.pick(&[(0, 0), (116_397_128, 39_916_527), (0, 0)]);
                (lon, lat, places, *code)
            }
            Some((code @ "D33", _)) => {
                let (east, north) = geo::gauss_kruger(lon, lat);
                (east, north, 2, *code)
            }
            Some((code, _)) if shifts => {
                let (lon, lat) = geo::gcj02(lon, lat);
                (lon, lat, places, *code)
            }
            _ => return,
        };
        self.replace(at, Value::Scaled(lon, places), code);
        self.replace(at + 1, Value::Scaled(lat, places), code);
    }

    /// D48: shares of a firm that do not add up, told for each of them.
    fn tell_shares(&mut self) {
        if self.row.dataset != LE_SHAREHOLDER {
            return;
        }
        let Value::Text(uscc) = &self.row.values[0] else { return };
        let number = firm_number(self.world.seed, uscc).and_then(|n| u32::try_from(n).ok());
        if number.and_then(|number| shares_fault(self.world, number)).is_some() {
            self.mark(7, "D48");
        }
    }

    /// D47: ended, but no one knows when.
    fn lose_end(&mut self) {
        if self.row.dataset != LE_ENTITY {
            return;
        }
        for place in [11, 12] {
            let is_set = matches!(self.row.values[place], Value::Date(_));
            if is_set && self.is_free(place) && self.befalls(NO_END) {
                self.replace(place, Value::Null, "D47");
            }
        }
    }

    fn draw_cells(&mut self) {
        let dataset = self.row.dataset();
        for (place, (_, kind)) in dataset.fields.iter().enumerate() {
            if !self.is_free(place) {
                continue;
            }
            let is_key = dataset.key.contains(&place);
            let Some(code) = draw(*kind, is_key, self.world.scale, self.dice) else { continue };
            if let Some(spoilt) = spoil(code, *kind, (self.row, place), self.world, self.dice) {
                self.replace(place, spoilt, code);
            }
        }
    }
}

fn injected(row: &Row, place: usize, code: &'static str) -> Injected {
    Injected { field: row.dataset().fields[place].0, code, clean: row.values[place].written() }
}

/// Whether a resident id names a region that was not in force in the year of birth.
fn is_of_another_time(kind: Kind, value: &Value) -> bool {
    let Value::Text(id) = value else { return false };
    let is_personal = matches!(kind, Kind::Resident | Kind::Holder)
        && id.len() == 18
        && id[..17].bytes().all(|byte| byte.is_ascii_digit());
    is_personal && id[6..10].parse().is_ok_and(|year| !was_in_force(&id[..6], year))
}

/// One draw decides among the classes of a kind.
fn draw(kind: Kind, is_key: bool, scale: f64, dice: &mut Dice) -> Option<&'static str> {
    let mut left = dice.unit() / scale;
    for (code, rate) in classes(kind, is_key).into_iter().flatten() {
        if left < *rate {
            return Some(code);
        }
        left -= rate;
    }
    None
}

fn classes(kind: Kind, is_key: bool) -> [&'static [Class]; 5] {
    let no_value = if is_key { NONE } else { NO_VALUE };
    let own: [&[Class]; 2] = match kind {
        Kind::Resident => [RESIDENT, NONE],
        Kind::Uscc => [CREDIT, NONE],
        Kind::Holder => [RESIDENT, CREDIT],
        Kind::Account => [ORPHAN, NONE],
        Kind::PersonName | Kind::Name => [NAME, NONE],
        Kind::Phone => [PHONE, NONE],
        Kind::Division | Kind::Village => [DIVISION, NONE],
        Kind::Code(_) | Kind::Industry => [CODE, NONE],
        Kind::OneOf => [MEMBER, NONE],
        Kind::Sex => [CODE, CROSS],
        Kind::FreeText => [LEAK, NONE],
        Kind::Number | Kind::OrgName | Kind::Address | Kind::Text => [NONE, NONE],
        kind => return without_text(kind, is_key),
    };
    [own[0], own[1], SPACING, no_value, GARBLED]
}

/// Classes of what is no text.
fn without_text(kind: Kind, is_key: bool) -> [&'static [Class]; 5] {
    let own: [&[Class]; 2] = match kind {
        Kind::Date | Kind::Month | Kind::EndDate if is_key => [KEY_DATE, NONE],
        Kind::Month => [KEY_DATE, NONE],
        Kind::BirthDate => [DATE, CROSS],
        Kind::Date => [DATE, NONE],
        Kind::EndDate => [DATE, OPEN_END],
        Kind::Amount | Kind::AmountWan => [MONEY, NONE],
        Kind::Quantity => [MEASURE, NONE],
        Kind::Reading => [METER, NONE],
        Kind::Int if !is_key => [NUMBER, NONE],
        Kind::Instant => [CLOCK, NONE],
        _ => [NONE, NONE],
    };
    [own[0], own[1], NONE, NONE, NONE]
}

/// Makes a record undecodable (D50): cut off, no JSON, of another dataset, operation or version.
pub(crate) fn break_record(value: &mut Vec<u8>, dice: &mut Dice) {
    let replace = |value: &mut Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8_lossy(value).replacen(from, to, 1);
        *value = text.into_bytes();
    };
    match dice.below(5) {
        0 => value.truncate(value.len() * 3 / 5),
        1 => *value = b"<html><body>502 Bad Gateway</body></html>".to_vec(),
        2 => replace(value, "\"ds\":\"", "\"ds\":\"old_"),
        3 => replace(value, "\"op\":\"", "\"op\":\"x"),
        _ => replace(value, "{\"v\":1,", "{\"v\":9,"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_of_a_kind_are_drawn_at_their_rates() {
        let mut dice = Dice::of(3, &[]);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..1_000_000 {
            if let Some(code) = draw(Kind::Date, false, 1.0, &mut dice) {
                *counts.entry(code).or_insert(0_i32) += 1;
            }
        }
        // 20,000, 2,000 and 10,000 expected; five standard deviations are 700, 224 and 498.
        assert!((counts["D19"] - 20_000).abs() < 700, "{counts:?}");
        assert!((counts["D20"] - 2_000).abs() < 224, "{counts:?}");
        assert!((counts["D21"] - 10_000).abs() < 498, "{counts:?}");
    }
}
