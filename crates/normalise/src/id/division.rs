//! Administrative divisions (行政区划, GB/T 2260): six digits to the county, twelve to the village.
//!
//! Chongqing's codes are known with the years they were in force and their successors; of the
//! other provinces only which codes ever existed. So an unknown code of Chongqing is an error, of
//! another province a remark. Historic codes are kept as they are, with a remark.

mod table;

pub use table::{Divisions, Level, Period, table};

use super::{Verdict, clean, digits, length_reason, without_point_zero};
use crate::rule::{Context, Flags, Outcome};
use huiliu_model::Reason;
use std::borrow::Cow;

/// Which lengths a rule accepts; others are padded or cut to the first of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Six,
    Twelve,
    Either,
}

/// Six digits, to the county; development zones have codes of the project (`5001Z1` …).
pub fn apply6<'a>(text: &'a str, context: &Context) -> Outcome<'a> {
    run(Form::Six, text, context)
}

/// Twelve digits, to the village.
pub fn apply12<'a>(text: &'a str, context: &Context) -> Outcome<'a> {
    run(Form::Twelve, text, context)
}

/// Six or twelve digits.
pub fn apply<'a>(text: &'a str, context: &Context) -> Outcome<'a> {
    run(Form::Either, text, context)
}

fn run<'a>(form: Form, text: &'a str, context: &Context) -> Outcome<'a> {
    if let Ok(flags) = verdict(form, text.as_bytes(), context) {
        return Outcome::accept(Cow::Borrowed(text), flags);
    }
    let code = match clean(text, false) {
        Ok(code) => without_point_zero(code),
        Err(outcome) => return outcome,
    };
    let (code, mut flags) = fitted(form, code);
    match verdict(form, code.as_bytes(), context) {
        Ok(more) => {
            flags |= more;
            Outcome::accept(code, flags)
        }
        Err(_) if code.chars().any(crate::text::is_han) => Outcome::Err(Reason::CodeUnknown),
        Err(reason) => Outcome::Err(reason),
    }
}

/// The code in a length the rule accepts (D29): a street gets zeros for its village, a county
/// zeros for its street; what a six-digit column cannot hold is cut, with a remark if it was not
/// zero. The name of a county of Chongqing becomes its code.
fn fitted(form: Form, code: Cow<'_, str>) -> (Cow<'_, str>, Flags) {
    let mut flags = Flags::default();
    let code = match table().by_name(&code) {
        Some(named) => {
            flags |= Flags::DIVISION_NAME;
            Cow::Borrowed(named)
        }
        None => code,
    };
    if !code.bytes().all(|b| b.is_ascii_digit()) {
        return (code, flags);
    }
    let fitted = match (form, code.len()) {
        (Form::Twelve, 6 | 9) | (Form::Either, 9) => format!("{code:0<12}"),
        (Form::Six, 9 | 12) => {
            flags |= Flags::LEVEL_CUT.when(code.bytes().skip(6).any(|b| b != b'0'));
            code[..6].to_owned()
        }
        _ => return (code, flags),
    };
    (Cow::Owned(fitted), flags)
}

fn verdict(form: Form, bytes: &[u8], context: &Context) -> Verdict {
    match (form, bytes.len()) {
        (Form::Six | Form::Either, 6) => county(bytes, context),
        (Form::Twelve | Form::Either, 12) => village(bytes, context),
        (Form::Six, _) => Err(length_reason(bytes, &[6])),
        (Form::Twelve, _) => Err(length_reason(bytes, &[12])),
        (Form::Either, _) => Err(length_reason(bytes, &[6, 12])),
    }
}

/// The county of a code that begins with its six digits.
pub(crate) fn county_of(code: &[u8]) -> Option<u32> {
    digits(code.get(..6)?)
}

fn county(bytes: &[u8], context: &Context) -> Verdict {
    let table = table();
    let Some(code) = digits(bytes) else {
        return if table.is_zone(bytes) { Ok(Flags::default()) } else { Err(Reason::Charset) };
    };
    if table.is_known(code) {
        let historic = table.has_ended(code, context.event_date);
        Ok(Flags::HISTORIC_DIVISION.when(historic))
    } else if table.is_province(code / 10_000) && code / 10_000 != CHONGQING {
        Ok(Flags::REGION_UNKNOWN)
    } else {
        Err(Reason::RegionUnknown)
    }
}

/// Chongqing's code of a province.
const CHONGQING: u32 = 50;

fn village(bytes: &[u8], context: &Context) -> Verdict {
    let (front, rest) = bytes.split_at(6);
    if !bytes.iter().all(u8::is_ascii_digit) {
        return Err(Reason::Charset);
    }
    let flags = county(front, context)?;
    let street = digits(&bytes[..9]).unwrap_or_default();
    let judged = flags.is_empty() && street / 10_000_000 == CHONGQING;
    let unknown = judged && rest != b"000000" && !table().is_street(street);
    Ok(flags | Flags::STREET_UNKNOWN.when(unknown))
}
