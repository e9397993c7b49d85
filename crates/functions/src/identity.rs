//! Identifiers: one test for each, and what a citizen's number says of its holder.

use crate::call::Call;
use crate::entry::{Entry, Kind};
use crate::rule::valid;
use arrow::array::ArrayRef;
use datafusion::error::Result;
use huiliu_model::contract::NamedRule;
use huiliu_normalise::date::civil_from_days;
use huiliu_normalise::id::resident::{self, Facts};
use huiliu_normalise::rule::{Context, apply};
use std::borrow::Cow;

const TEXT: &[(&str, Kind)] = &[("text", Kind::Text)];

/// The test of one rule.
const fn test(
    name: &'static str,
    says: &'static str,
    example: (&'static str, &'static str),
    kernel: fn(&Call<'_>) -> Result<ArrayRef>,
) -> Entry {
    Entry { name, arguments: TEXT, optional: 0, returns: Kind::Truth, says, example, kernel }
}

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "id_valid",
        arguments: &[("text", Kind::Text), ("as_of", Kind::Date)],
        optional: 1,
        returns: Kind::Truth,
        says: "Whether the text is a citizen's number (公民身份号码, 15 or 18); births after \
               `as_of` are refused where it is given",
        example: ("id_valid('11010519491231002X')", "true"),
        kernel: |call| valid(call, NamedRule::ResidentId),
    },
    Entry {
        name: "id18",
        arguments: TEXT,
        optional: 0,
        returns: Kind::Text,
        says: "A citizen's number with 18 characters, from 15 or 18; null if it is none",
        example: ("id18('110105491231002')", "11010519491231002X"),
        kernel: id18,
    },
    Entry {
        name: "id_birth_date",
        arguments: TEXT,
        optional: 0,
        returns: Kind::Date,
        says: "Date of birth in a citizen's number; null if it is none",
        example: ("id_birth_date('11010519491231002X')", "1949-12-31"),
        kernel: id_birth_date,
    },
    Entry {
        name: "id_sex",
        arguments: TEXT,
        optional: 0,
        returns: Kind::Text,
        says: "Sex in a citizen's number as a code of list `sex`: `1` male, `2` female",
        example: ("id_sex('11010519491231002X')", "2"),
        kernel: id_sex,
    },
    Entry {
        name: "id_age",
        arguments: &[("text", Kind::Text), ("as_of", Kind::Date)],
        optional: 0,
        returns: Kind::Whole,
        says: "Full years of age (周岁) on a day, by a citizen's number; null before the birth",
        example: ("id_age('11010519491231002X', DATE '2020-12-30')", "70"),
        kernel: id_age,
    },
    test(
        "uscc_valid",
        "Whether the text is a unified social credit code (GB 32100-2015)",
        ("uscc_valid('91350100M000100Y43')", "true"),
        |call| valid(call, NamedRule::Uscc),
    ),
    test(
        "org_code_valid",
        "Whether the text is an organisation code (GB 11714-1997)",
        ("org_code_valid('D2143569-X')", "true"),
        |call| valid(call, NamedRule::OrgCode),
    ),
    test(
        "reg_no_valid",
        "Whether the text is a business registration number (GS 15-2006, 15 or the older 13)",
        ("reg_no_valid('500117423785056')", "false"),
        |call| valid(call, NamedRule::BusinessRegNo),
    ),
    test(
        "elicence_valid",
        "Whether the text is an electronic licence's identifier (GB/T 36904-2018)",
        (
            "elicence_valid('1.2.156.3005.2.11500000MA972L3L9U109.11500106MC8FBA3761.2020056287\
             .007.R')",
            "true",
        ),
        |call| valid(call, NamedRule::ElicenceId),
    ),
    test(
        "project_code_valid",
        "Whether the text is an investment project's code (GB/T 40058-2021, or the older one)",
        ("project_code_valid('2610-500113-05-01-385381')", "true"),
        |call| valid(call, NamedRule::ProjectCode),
    ),
    test(
        "item_code_valid",
        "Whether the text is a government service item's code (GB/T 39554.1-2020)",
        ("item_code_valid('11500000')", "false"),
        |call| valid(call, NamedRule::ItemCode),
    ),
    test(
        "unit_code_valid",
        "Whether the text is a real estate unit's code (GB/T 37346-2019)",
        ("unit_code_valid('500103 001002 GB00012 F00030004')", "true"),
        |call| valid(call, NamedRule::UnitCode),
    ),
    test(
        "phone_valid",
        "Whether the text is a mobile or landline number",
        ("phone_valid('023-63891234')", "true"),
        |call| valid(call, NamedRule::Phone),
    ),
    test(
        "mobile_valid",
        "Whether the text is a mobile number",
        ("mobile_valid('1381234567')", "false"),
        |call| valid(call, NamedRule::Mobile),
    ),
    test(
        "plate_valid",
        "Whether the text is a number plate",
        ("plate_valid('渝A12345')", "true"),
        |call| valid(call, NamedRule::Plate),
    ),
    test(
        "bank_card_valid",
        "Whether the text has the form of a bank card's number; a wrong check digit is a remark \
         (`rule_flags` says `LUHN`)",
        ("bank_card_valid('12345')", "false"),
        |call| valid(call, NamedRule::BankCard),
    ),
];

/// The number with 18 characters and what it says; `None` for an older card of a foreigner too.
fn number(text: &str) -> Option<(Cow<'_, str>, Facts)> {
    let outcome = apply(NamedRule::ResidentId, text, &Context::default());
    let facts = resident::facts(outcome.text()?)?;
    let text = match outcome {
        huiliu_normalise::rule::Outcome::Ok(text)
        | huiliu_normalise::rule::Outcome::Warn(text, _) => text,
        _ => return None,
    };
    Some((text, facts))
}

fn id18(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    call.strings(|row| Ok(texts.get(row).and_then(number).map(|(text, _)| text)))
}

fn id_birth_date(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    call.days(|row| number(texts.get(row)?).map(|(_, facts)| facts.birth_days))
}

fn id_sex(call: &Call<'_>) -> Result<ArrayRef> {
    let texts = call.texts(0)?;
    let sex = |text| number(text).map(|(_, facts)| Cow::Borrowed(facts.sex_code));
    call.strings(|row| Ok(texts.get(row).and_then(sex)))
}

fn id_age(call: &Call<'_>) -> Result<ArrayRef> {
    let (texts, days) = (call.texts(0)?, call.dates(1)?);
    call.counts(|row| {
        let (_, facts) = number(texts.get(row)?)?;
        age(facts.birth_days, days.get(row)?)
    })
}

/// Full years between two days; a year more on the birthday itself, and on 1 March for those
/// born on 29 February where there is none.
fn age(birth: i32, as_of: i32) -> Option<i64> {
    let ((year, month, day), (year_now, month_now, day_now)) =
        (civil_from_days(birth), civil_from_days(as_of));
    let early = (month_now, day_now) < (month, day);
    (birth <= as_of).then(|| i64::from(year_now - year) - i64::from(early))
}
