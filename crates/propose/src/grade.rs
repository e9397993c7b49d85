//! Grades and protection: by rule, by list and by word; a doubt goes upwards.
//!
//! L1 is public already, L2 harms little, L3 harms a person or a firm, L4 harms seriously
//! (domain specification, 5.1). A text that nothing is known of is L3.

use crate::column::Guess;
use crate::words::Hint;
use huiliu_model::contract::{DataType, Grade, NamedRule};

/// Lists whose codes say something of a person.
const OF_PERSONS: [&str; 9] = [
    "ethnicity",
    "marital",
    "education",
    "health",
    "relation_to_head",
    "poverty_attr",
    "poverty_cause",
    "arrears_state",
    "penalty_kind",
];

/// Grades every column; an address beside an identity number is that of a person.
pub(crate) fn assign(columns: &mut [Guess]) {
    let of_persons = columns.iter().any(|column| identifies(column.named));
    for column in columns {
        let (grade, why) = grade(column, of_persons);
        column.grade = grade;
        if let Some(why) = why {
            column.why.push(format!("{grade:?}: {why}"));
        }
    }
}

fn identifies(rule: Option<NamedRule>) -> bool {
    use NamedRule as R;
    matches!(rule, Some(R::ResidentId | R::IdentityDocument | R::HolderCode))
}

fn grade(column: &Guess, of_persons: bool) -> (Grade, Option<&'static str>) {
    use NamedRule as R;
    if column.hint == Hint::Sensitive || column.list == Some("health") {
        return (Grade::L4, Some("health, faith, body or whereabouts"));
    }
    let by_rule = match column.named {
        Some(R::ResidentId | R::IdentityDocument | R::HolderCode) => {
            Some((Grade::L4, Some("identifies a person")))
        }
        Some(R::BankCard) => Some((Grade::L4, Some("an account of money"))),
        Some(R::Address) if of_persons => Some((Grade::L4, Some("where a person lives"))),
        Some(
            R::PersonName
            | R::Name
            | R::Phone
            | R::Mobile
            | R::Landline
            | R::Address
            | R::Plate
            | R::AccountNo
            | R::Longitude
            | R::Latitude
            | R::ElicenceId
            | R::UnitCode
            | R::RelaxedCode
            | R::FreeText,
        ) => Some((Grade::L3, None)),
        Some(
            R::Uscc
            | R::OrgCode
            | R::BusinessRegNo
            | R::ProjectCode
            | R::ItemCode
            | R::Division
            | R::Division6
            | R::Division12
            | R::Industry
            | R::LicenceType
            | R::LandUse,
        ) => Some((Grade::L1, None)),
        Some(_) => Some((Grade::L2, None)),
        None => None,
    };
    // What the word says counts although too few values pass the rule.
    let by_word = match column.hint {
        Hint::Rule(R::ResidentId | R::IdentityDocument | R::HolderCode | R::BankCard) => {
            Some((Grade::L4, Some("the header says so")))
        }
        Hint::Birth | Hint::Email | Hint::Note => Some((Grade::L3, None)),
        Hint::Updated => Some((Grade::L1, None)),
        Hint::Amount => Some((Grade::L3, None)),
        Hint::Truth => Some((Grade::L3, Some("graded up in doubt"))),
        // A text below such a word is something else.
        Hint::Date | Hint::Month | Hint::Time | Hint::Quantity
            if column.data_type != DataType::String =>
        {
            Some((Grade::L2, None))
        }
        _ => None,
    };
    match (by_rule, by_word, column.list) {
        (Some(rule), _, _) => rule,
        (_, Some(word), _) => word,
        (_, _, Some(list)) if OF_PERSONS.contains(&list) => (Grade::L3, None),
        (_, _, Some(_)) => (Grade::L2, None),
        _ if matches!(column.data_type, DataType::Date | DataType::Timestamp) => (Grade::L2, None),
        _ => (Grade::L3, Some("not recognised, graded up in doubt")),
    }
}

/// A key stays readable: what its grade would encrypt becomes a token.
pub(crate) fn protect_key(columns: &mut [Guess], key: &[usize]) {
    for index in key {
        let column = &mut columns[*index];
        let is_token = identifies(column.named) && column.data_type == DataType::String;
        if column.grade == Grade::L4 && !is_token {
            column.protect = Some(format!("{{token: {}}}", column.name));
            column.why.push("a key is not encrypted: a token".to_owned());
        }
    }
}
