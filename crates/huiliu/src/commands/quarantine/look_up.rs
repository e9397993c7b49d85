//! Old registration numbers and organisation codes, where a unified social credit code belongs
//! (D16, D17): `current.le_entity` says which code the firm has now.
//!
//! Only one answer counts: a number that several firms have is left alone.

use super::desk::{Desk, portion};
use super::job::{Change, Patches};
use crate::commands::query;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::Installation;
use arrow::array::{Array, AsArray};
use datafusion::prelude::SessionContext;
use huiliu_ingest::Image;
use huiliu_lake::quarantine::{Coordinate, Selection, State};
use huiliu_model::contract::NamedRule;
use huiliu_model::{Error, ErrorKind};
use huiliu_normalise::rule::{self, Context};
use std::collections::{BTreeMap, BTreeSet};

/// The dataset that knows.
const ENTITIES: &str = "le_entity";
/// Reasons such a value is rejected for.
const REASONS: [&str; 3] = ["LEGACY_REG_NO", "ORG_CODE_ONLY", "LENGTH"];
/// Rules of fields that hold a unified social credit code.
const RULES: [&str; 2] = ["uscc", "holder_code"];
/// Rejects whose heads are read at once.
const HEADS_AT_ONCE: usize = 20_000;
/// Numbers that one query asks for.
const NUMBERS_AT_ONCE: usize = 500;

/// What a value is, when it is no unified social credit code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Old {
    RegistrationNumber(String),
    OrganisationCode(String),
}

/// A field of a record that holds an old number.
struct Place {
    coordinate: Coordinate,
    column: usize,
    image: Image,
    old: Old,
}

/// New values for the fields of open rejects that hold an old number with one answer.
///
/// # Errors
/// As the lake answers; `Invalid` when it has no legal entities.
pub async fn patches(
    desk: &Desk,
    installation: &Installation,
    console: &Console,
) -> Result<Patches, Failure> {
    if !desk.lake.datasets().any(|d| *d.contract.dataset == *ENTITIES) {
        let text = format!("no dataset `{ENTITIES}` is declared to look numbers up in");
        return Err(Error::new(ErrorKind::Invalid, text)
            .help("add its file to pipelines/ and load it")
            .into());
    }
    let places = places(desk).await?;
    let wanted: BTreeSet<&Old> = places.iter().map(|p| &p.old).collect();
    let ctx = desk.lake.query_session(&[], installation.memory().alone_bytes()).await?;
    let answers = ask(&ctx, &wanted).await?;
    let mut patches = Patches::new();
    let mut found = 0;
    for place in &places {
        let Some(code) = answers.get(&place.old) else { continue };
        found += 1;
        patches.entry(place.coordinate.clone()).or_default().push(Change {
            column: place.column,
            image: Some(place.image),
            value: Some(code.clone()),
        });
    }
    let (total, distinct) = (places.len(), wanted.len());
    console.say(format!(
        "{total} fields hold {distinct} old numbers; {found} have one answer in current.{ENTITIES}"
    ));
    Ok(patches)
}

/// Fields of open rejects that hold old numbers.
async fn places(desk: &Desk) -> Result<Vec<Place>, Failure> {
    let pinned = desk.lake.rejects(desk.dataset()).await?;
    let reasons = REASONS.map(str::to_owned).to_vec();
    let (mut places, mut after) = (Vec::new(), None);
    loop {
        let page = Selection {
            reasons: reasons.clone(),
            state: Some(State::Open),
            after,
            limit: Some(HEADS_AT_ONCE),
            ..Selection::default()
        };
        let mut heads = pinned.list(&page).await?;
        let Some(last) = heads.last() else { return Ok(places) };
        after = Some(last.coordinate.clone());
        heads.retain(|r| r.rule.as_deref().is_some_and(|rule| RULES.contains(&rule)));
        while !heads.is_empty() {
            let rest = heads.split_off(portion(&heads));
            let mut some = std::mem::replace(&mut heads, rest);
            pinned.load_raw(&mut some).await?;
            desk.look_up_schemas(&some).await?;
            for reject in &some {
                let column = reject.field.as_ref().and_then(|f| desk.contract.column(f));
                let (Some((column, _)), Ok(raw)) = (column, desk.open_raw(reject)) else {
                    continue;
                };
                let records = desk.records(&[(reject, raw)]);
                let decoded = desk.pipeline.decode(&records);
                for image in [Image::Before, Image::After] {
                    let old = decoded.text(&records, 0, column, image).and_then(|t| old(&t));
                    let coordinate = reject.coordinate.clone();
                    places.extend(old.map(|old| Place { coordinate, column, image, old }));
                }
            }
        }
    }
}

/// What an old number is: valid by its own rule, or nothing.
fn old(text: &str) -> Option<Old> {
    let by = |rule| rule::apply(rule, text, &Context::default()).text().map(str::to_owned);
    let number = by(NamedRule::BusinessRegNo).filter(|n| n.len() == 15);
    let code = || by(NamedRule::OrgCode);
    number.map(Old::RegistrationNumber).or_else(|| code().map(Old::OrganisationCode))
}

/// The one unified social credit code of each number that has just one.
async fn ask(
    ctx: &SessionContext,
    wanted: &BTreeSet<&Old>,
) -> Result<BTreeMap<Old, String>, Failure> {
    let mut found: BTreeMap<Old, BTreeSet<String>> = BTreeMap::new();
    let numbers = |of: fn(&Old) -> Option<&String>| -> Vec<String> {
        wanted.iter().filter_map(|old| of(old)).map(|n| format!("'{n}'")).collect()
    };
    let registered = numbers(|old| match old {
        Old::RegistrationNumber(number) => Some(number),
        Old::OrganisationCode(_) => None,
    });
    let organisations = numbers(|old| match old {
        Old::OrganisationCode(code) => Some(code),
        Old::RegistrationNumber(_) => None,
    });
    // Positions 9 to 17 of a unified social credit code are the organisation code.
    let questions: [(&str, Vec<String>, fn(String) -> Old); 2] = [
        ("reg_no", registered, Old::RegistrationNumber),
        ("substr(uscc, 9, 9)", organisations, Old::OrganisationCode),
    ];
    for (expression, numbers, of) in questions {
        for some in numbers.chunks(NUMBERS_AT_ONCE) {
            let sql = format!(
                "SELECT {expression} AS old, uscc FROM current.{ENTITIES} \
                 WHERE {expression} IN ({})",
                some.join(", ")
            );
            for batch in query::collect(ctx, &sql).await? {
                let (old, uscc) = (batch.column(0), batch.column(1));
                let (Some(old), Some(uscc)) =
                    (old.as_string_opt::<i32>(), uscc.as_string_opt::<i32>())
                else {
                    let text = format!("current.{ENTITIES} has codes that are no text");
                    return Err(Error::new(ErrorKind::Bug, text).into());
                };
                for row in (0..batch.num_rows()).filter(|&row| uscc.is_valid(row)) {
                    let codes = found.entry(of(old.value(row).to_owned())).or_default();
                    codes.insert(uscc.value(row).to_owned());
                }
            }
        }
    }
    let only = |(old, codes): (Old, BTreeSet<String>)| {
        let mut codes = codes.into_iter();
        Some((old, codes.next()?)).filter(|_| codes.next().is_none())
    };
    Ok(found.into_iter().filter_map(only).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The organisation code is the standard's own example; the registration number was made by
    /// hand by ISO 7064 MOD 11,10.
    #[test]
    fn old_numbers_are_told_by_their_own_checks() {
        let code = Old::OrganisationCode("D2143569X".into());
        assert_eq!(old("D2143569-X"), Some(code));
        assert_eq!(old("D2143569-1"), None);
        assert_eq!(old("91500000MA5U0XXX3A"), None);
        assert_eq!(old(""), None);
    }
}
