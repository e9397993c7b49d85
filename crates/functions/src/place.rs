//! Divisions, industries and working days.

use crate::call::{Call, Texts};
use crate::entry::{Entry, Kind};
use arrow::array::ArrayRef;
use datafusion::error::Result;
use huiliu_normalise::id::{division, industry};
use huiliu_normalise::workday;
use std::borrow::Cow;

const CODE: &[(&str, Kind)] = &[("code", Kind::Text)];

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "division_name",
        arguments: &[("code", Kind::Text), ("as_of", Kind::Date)],
        optional: 1,
        returns: Kind::Text,
        says: "Name of a province, of a county, zone or street of Chongqing: the one of a day, \
               or the newest",
        example: ("division_name('500110', DATE '2008-01-01')", "万盛区"),
        kernel: division_name,
    },
    Entry {
        name: "division_roll_up",
        arguments: &[("code", Kind::Text), ("as_of", Kind::Date)],
        optional: 0,
        returns: Kind::Text,
        says: "The six-digit code, in force on a day, of what a county of Chongqing became (of \
               a street or village: its county); null if none is known",
        example: ("division_roll_up('510216', DATE '2005-01-01')", "500110"),
        kernel: division_roll_up,
    },
    Entry {
        name: "division_level",
        arguments: CODE,
        optional: 0,
        returns: Kind::Text,
        says: "`nation`, `province`, `city`, `county`, `zone`, `street` or `village`; null for a \
               code that never was one",
        example: ("division_level('500103001000')", "street"),
        kernel: |call| over_code(call, |code| Some(division::table().level(code)?.label().into())),
    },
    Entry {
        name: "division_parent",
        arguments: CODE,
        optional: 0,
        returns: Kind::Text,
        says: "Code of the place that a place lies in: village → street → county (six digits) → \
               city → nation",
        example: ("division_parent('500103001000')", "500103"),
        kernel: |call| over_code(call, |code| division::table().parent(code)),
    },
    Entry {
        name: "industry_section",
        arguments: CODE,
        optional: 0,
        returns: Kind::Text,
        says: "Section (门类, `A` to `T`) of an industry code of GB/T 4754-2017",
        example: ("industry_section('4710')", "E"),
        kernel: |call| over_code(call, |code| industry::section(code).map(Cow::Borrowed)),
    },
    Entry {
        name: "workdays_between",
        arguments: &[("from", Kind::Date), ("to", Kind::Date)],
        optional: 0,
        returns: Kind::Whole,
        says: "Working days after the first day up to and including the second, 2018 to 2026; \
               null outside",
        example: ("workdays_between(DATE '2020-01-23', DATE '2020-02-03')", "1"),
        kernel: workdays_between,
    },
];

fn over_code(call: &Call<'_>, of: fn(&str) -> Option<Cow<'static, str>>) -> Result<ArrayRef> {
    let codes = call.texts(0)?;
    call.strings(|row| Ok(codes.get(row).and_then(of)))
}

fn division_name(call: &Call<'_>) -> Result<ArrayRef> {
    let (codes, days) = (call.texts(0)?, call.dates(1)?);
    let is_dated = call.has(1);
    let name = |codes: &Texts<'_>, row| {
        let (code, day) = (codes.get(row)?, days.get(row));
        // A day that is given and null makes the name unknown.
        if is_dated && day.is_none() { None } else { division::table().name(code, day) }
    };
    call.strings(|row| Ok(name(&codes, row).map(Cow::Borrowed)))
}

fn division_roll_up(call: &Call<'_>) -> Result<ArrayRef> {
    let (codes, days) = (call.texts(0)?, call.dates(1)?);
    let table = division::table();
    call.strings(|row| match (codes.get(row), days.get(row)) {
        (Some(code), Some(day)) => Ok(table.county_on(code, day)),
        _ => Ok(None),
    })
}

fn workdays_between(call: &Call<'_>) -> Result<ArrayRef> {
    let (from, to) = (call.dates(0)?, call.dates(1)?);
    call.counts(|row| workday::between(from.get(row)?, to.get(row)?).map(i64::from))
}
