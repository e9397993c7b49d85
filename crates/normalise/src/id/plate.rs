//! Number plate of a vehicle (GA 36): the province, a letter, and five or six characters; eight
//! characters in all are a new-energy vehicle's.
//!
//! Plates of other provinces are lawful and remarked on. Order of tests: length, province,
//! character set (no I and no O; the last may be 挂, 学 or 警).

use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;

/// Chongqing's character.
const CITY: char = '渝';
/// The provinces of the mainland.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Validates a plate; blanks, hyphens and the dot behind the second character are dropped.
pub fn apply(text: &str) -> Outcome<'_> {
    if let Ok(flags) = verdict(text) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    let plate = match super::clean(text, false) {
        Ok(plate) => plate,
        Err(outcome) => return outcome,
    };
    let plate = match plate.contains(is_dot) {
        true => Cow::Owned(plate.chars().filter(|c| !is_dot(*c)).collect()),
        false => plate,
    };
    match verdict(&plate) {
        Ok(flags) => Outcome::accept(plate, flags),
        Err(reason) => Outcome::Err(reason),
    }
}

fn is_dot(c: char) -> bool {
    matches!(c, '.' | '·' | '・' | '•')
}

fn verdict(text: &str) -> Result<Flags, Reason> {
    let count = text.chars().count();
    if !(7..=8).contains(&count) {
        return Err(Reason::Length);
    }
    let mut chars = text.chars();
    let province = chars.next().filter(|c| PROVINCES.contains(*c)).ok_or(Reason::Prefix)?;
    let letter = |c: char| c.is_ascii_uppercase() && !matches!(c, 'I' | 'O');
    let plain = |c: char| c.is_ascii_digit() || letter(c);
    let fits = chars.enumerate().all(|(index, c)| match index {
        0 => letter(c),
        index if index + 2 == count => plain(c) || matches!(c, '挂' | '学' | '警'),
        _ => plain(c),
    });
    if fits { Ok(Flags::OUTSIDE_CITY.when(province != CITY)) } else { Err(Reason::Charset) }
}
