//! Which defects befall a record, at the rates of the dirty-data catalogue.
//!
//! A cell has at most one defect. Cells of the key are spared those that no one could undo by
//! reading the cell again, except for resident ids and credit codes, where that is the point.

use crate::Injected;
use crate::cells::spoil;
use crate::dice::Dice;
use crate::fields::Kind;
use crate::row::{Row, Value};

/// Codes and default rates per applicable cell (`default_injection_rate` of the catalogue).
type Class = (&'static str, f64);

/// Defects that any text can have and that normalising undoes.
const SPACING: [Class; 3] = [("D01", 0.01), ("D02", 0.02), ("D03", 0.002)];
/// Defects of any text that lose it.
const LOSSES: [Class; 3] = [("D04", 0.03), ("D05", 0.002), ("D06", 0.001)];
const RESIDENT: [Class; 7] = [
    ("D07", 0.01),
    ("D08", 0.005),
    ("D09", 0.0005),
    ("D10", 0.0005),
    ("D11", 0.0005),
    ("D12", 0.003),
    ("D13", 0.004),
];
const CREDIT: [Class; 3] = [("D15", 0.01), ("D16", 0.006), ("D17", 0.006)];
const DATE: [Class; 3] = [("D19", 0.02), ("D20", 0.002), ("D21", 0.01)];
const OPEN_END: [Class; 1] = [("D22", 0.02)];
const CODE: [Class; 3] = [("D26", 0.03), ("D27", 0.005), ("D45", 0.01)];
const AMOUNT: [Class; 1] = [("D35", 0.01)];
const NUMBER: [Class; 1] = [("D45", 0.01)];
const NAME: [Class; 1] = [("D43", 0.01)];
const PHONE: [Class; 1] = [("D44", 0.01)];
const CROSS: [Class; 1] = [("D46", 0.005)];

/// Rate of records that cannot be decoded.
pub(crate) const BROKEN_RECORD: f64 = 0.0002;
/// Rate of records that are delivered twice.
pub(crate) const REDELIVERED: f64 = 0.01;
/// Rate of records that arrive before an older change of their row.
pub(crate) const OUT_OF_ORDER: f64 = 0.01;
/// Rate of deletes of rows that never were.
pub(crate) const UNKNOWN_DELETE: f64 = 0.001;

/// Spoils cells of a row and says which.
pub(crate) fn spoil_row(row: &mut Row, scale: f64, dice: &mut Dice) -> Vec<Injected> {
    let dataset = row.dataset();
    let mut injected = Vec::new();
    for (place, (field, kind)) in dataset.fields.iter().enumerate() {
        let is_key = place < dataset.key_len;
        let Some(code) = draw(*kind, is_key, scale, dice) else { continue };
        let reg_no = row.reg_no.as_deref();
        if let Some(spoilt) = spoil(code, *kind, &row.values[place], reg_no, dice) {
            row.values[place] = spoilt;
            injected.push(Injected { field, code });
        }
    }
    injected
}

/// One draw decides among the classes of a kind.
fn draw(kind: Kind, is_key: bool, scale: f64, dice: &mut Dice) -> Option<&'static str> {
    let mut left = dice.unit() / scale;
    let groups = classes(kind, is_key);
    for (code, rate) in groups.into_iter().flatten() {
        if left < *rate {
            return Some(code);
        }
        left -= rate;
    }
    None
}

fn classes(kind: Kind, is_key: bool) -> [&'static [Class]; 3] {
    let losses: &[Class] = if is_key { &[] } else { &LOSSES };
    match kind {
        Kind::Resident => [&RESIDENT, &SPACING, &[]],
        Kind::Uscc => [&CREDIT, &SPACING, &[]],
        Kind::Holder => [&RESIDENT, &CREDIT, &SPACING],
        Kind::Number => [&SPACING, &[], &[]],
        Kind::PersonName | Kind::Name => [&NAME, &SPACING, losses],
        Kind::OrgName | Kind::Address | Kind::Text => [&SPACING, losses, &[]],
        Kind::Phone => [&PHONE, &SPACING, &[]],
        Kind::Division => [&SPACING, &[], &[]],
        Kind::Code(_) => [&CODE, &[], &[]],
        Kind::Sex => [&CODE, &CROSS, &[]],
        Kind::BirthDate => [&DATE, &CROSS, &[]],
        Kind::Date => [&DATE, &[], &[]],
        Kind::EndDate => [&DATE, &OPEN_END, &[]],
        // A month that cannot be read takes its bill with it; only other spellings.
        Kind::Month => [&DATE[..1], &[], &[]],
        Kind::Amount | Kind::AmountWan => [&AMOUNT, &[], &[]],
        Kind::Int if !is_key => [&NUMBER, &[], &[]],
        Kind::Int | Kind::Float | Kind::Bool | Kind::Instant => [&[], &[], &[]],
    }
}

/// Makes a record undecodable and says how.
pub(crate) fn break_record(value: &mut Vec<u8>, dice: &mut Dice) -> Injected {
    let replace = |value: &mut Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8_lossy(value).replacen(from, to, 1);
        *value = text.into_bytes();
    };
    let field = match dice.below(5) {
        0 => {
            value.truncate(value.len() * 3 / 5);
            "@truncated"
        }
        1 => {
            *value = b"<html><body>502 Bad Gateway</body></html>".to_vec();
            "@not_json"
        }
        2 => {
            replace(value, "\"ds\":\"", "\"ds\":\"old_");
            "@dataset"
        }
        3 => {
            replace(value, "\"op\":\"", "\"op\":\"x");
            "@op"
        }
        _ => {
            replace(value, "{\"v\":1,", "{\"v\":9,");
            "@version"
        }
    };
    Injected { field, code: "D50" }
}

/// The value that a text cell holds.
pub(crate) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
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
