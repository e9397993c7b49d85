//! Industry code (国民经济行业, GB/T 4754-2017): two to four digits.
//!
//! Only sections (门类) and divisions (大类) are shipped, so a code is judged by its first two
//! digits and deeper ones are taken as they are. A section letter in front is dropped; any other
//! letter stays and makes the code no code. A value
//! that lost its leading zero is padded where only the padded one exists; 111 stays, for it is a
//! group of division 11.

use super::{clean, digits, length_reason, without_point_zero};
use crate::rule::{Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;
use std::sync::OnceLock;

const SECTIONS: &str = include_str!("../../data/gb4754_2017_sections.csv");

/// Validates a code.
pub fn apply(text: &str) -> Outcome<'_> {
    if verdict(text.as_bytes()).is_ok() {
        return Outcome::Ok(Cow::Borrowed(text));
    }
    let code = match clean(text, false) {
        Ok(code) => code,
        Err(outcome) => return outcome,
    };
    let letter = code.bytes().next().filter(u8::is_ascii_uppercase);
    let section = letter.filter(|letter| by_division().contains(letter));
    if section.is_some() && code.len() == 1 {
        return Outcome::Warn(code, Flags::SECTION_ONLY);
    }
    let number = match section {
        Some(_) => Cow::Owned(code[1..].to_owned()),
        None => code,
    };
    let number = padded(without_point_zero(number));
    match verdict(number.as_bytes()) {
        Ok(letter) => {
            let mismatch = section.is_some_and(|section| section != letter);
            Outcome::accept(number, Flags::SECTION_MISMATCH.when(mismatch))
        }
        Err(reason) => Outcome::Err(reason),
    }
}

/// The section (门类) of a code: one letter, `A` to `T`; `None` for what is no code.
pub fn section(text: &str) -> Option<&'static str> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRST";
    let outcome = apply(text);
    let code = outcome.text()?.as_bytes();
    let letter = match code {
        [letter @ b'A'..=b'T'] => *letter,
        _ => section_of(code.get(..2)?)?,
    };
    let at = usize::from(letter.checked_sub(b'A')?);
    LETTERS.get(at..=at)
}

/// The section letter of a valid code.
fn verdict(bytes: &[u8]) -> Result<u8, Reason> {
    if !(2..=4).contains(&bytes.len()) {
        return Err(length_reason(bytes, &[2, 3, 4]));
    }
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    section_of(&bytes[..2]).ok_or(Reason::CodeUnknown)
}

fn padded(number: Cow<'_, str>) -> Cow<'_, str> {
    let bytes = number.as_bytes();
    let short = matches!(bytes.len(), 1 | 3) && bytes.iter().all(u8::is_ascii_digit);
    let known = bytes.get(..2).is_some_and(|front| section_of(front).is_some());
    if short && !known { Cow::Owned(format!("0{number}")) } else { number }
}

fn section_of(division: &[u8]) -> Option<u8> {
    let index = usize::try_from(digits(division)?).ok()?;
    by_division().get(index).copied().filter(|letter| *letter != 0)
}

/// Section letter by division; 0 where there is none.
fn by_division() -> &'static [u8; 100] {
    static TABLE: OnceLock<[u8; 100]> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = [0; 100];
        for line in SECTIONS.lines().skip(1) {
            let mut cells = line.rsplit(',').map(|cell| digits(cell.as_bytes()));
            let (last, first) = (cells.next().flatten(), cells.next().flatten());
            let (Some(first), Some(last)) = (first, last) else { continue };
            let letter = line.bytes().next().unwrap_or_default();
            for (index, slot) in (0..).zip(&mut table) {
                if (first..=last).contains(&index) {
                    *slot = letter;
                }
            }
        }
        table
    })
}
