//! The key of a row as a user writes it: `a=b,c=d`, or plain values in the key's order.

use crate::failure::Failure;
use huiliu_spec::{TableSpec, did_you_mean};
use std::collections::BTreeMap;

/// Values by key column. One argument is split at its commas, unless the key has one column;
/// several arguments are one value each.
///
/// # Errors
/// Usage, for another number of values than the key has columns, for a name that is none of
/// them, and for names that are given for some values only.
pub fn parse(table: &TableSpec, given: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let key = &table.key;
    let parts: Vec<&str> = match given {
        [one] if key.len() > 1 => one.split(',').map(str::trim).collect(),
        parts => parts.iter().map(String::as_str).collect(),
    };
    let named: Vec<Option<(&str, &str)>> = parts.iter().map(|part| name_of(part)).collect();
    if let Some(unknown) =
        named.iter().flatten().map(|(name, _)| *name).find(|name| !key.iter().any(|k| k == name))
    {
        let help = did_you_mean(unknown, key.iter().map(String::as_str));
        let message = format!("`{unknown}` is no column of the key of {}", table.full_name());
        return Err(Failure::usage(message).help(help.unwrap_or_else(|| shape(table))));
    }
    let pairs: Vec<(String, String)> = match named.iter().flatten().count() {
        0 => key.iter().cloned().zip(parts.iter().map(|part| (*part).to_owned())).collect(),
        count if count == parts.len() => {
            named.iter().flatten().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        }
        _ => {
            return Err(Failure::usage("some values of KEY are named and some are not")
                .help("name all or none"));
        }
    };
    let mut values = BTreeMap::new();
    for (name, value) in pairs {
        if values.insert(name.clone(), value).is_some() {
            return Err(Failure::usage(format!("KEY names `{name}` twice")).help(shape(table)));
        }
    }
    if parts.len() != key.len() {
        let (found, wanted) = (parts.len(), key.len());
        let message = format!(
            "KEY has {found} value{}, the key of {} has {wanted}",
            if found == 1 { "" } else { "s" },
            table.full_name()
        );
        return Err(Failure::usage(message).help(shape(table)));
    }
    Ok(values)
}

/// Name and value of `name=value`; a value may hold `=` itself.
fn name_of(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some((name, value))
}

fn shape(table: &TableSpec) -> String {
    let example: Vec<String> = table.key.iter().map(|name| format!("{name}=…")).collect();
    format!("one row is told by {}; {}", example.join(","), table.grain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn table(name: &str) -> TableSpec {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let project = huiliu_spec::Project::load_paths(&[root.join("pipelines"), root.join("sql")])
            .expect("pipelines and tables are valid");
        project.table(name).expect("declared").clone()
    }

    fn check(table: &TableSpec, given: &[&str]) -> Result<Vec<String>, String> {
        let given: Vec<String> = given.iter().map(|part| (*part).to_owned()).collect();
        match parse(table, &given) {
            Ok(found) => Ok(found.iter().map(|(name, value)| format!("{name}:{value}")).collect()),
            Err(Failure::Usage { message, .. }) => Err(message),
            Err(_) => Err("another failure".to_owned()),
        }
    }

    #[test]
    fn a_key_is_given_by_place_by_name_or_in_arguments() {
        let month = table("investment_project.division_month");
        let expected = Ok(vec!["division_code:500103".to_owned(), "stat_month:2020-05-01".into()]);
        for given in [
            &["500103,2020-05-01"][..],
            &["500103, 2020-05-01"],
            &["500103", "2020-05-01"],
            &["stat_month=2020-05-01,division_code=500103"],
            &["stat_month=2020-05-01", "division_code=500103"],
        ] {
            assert_eq!(check(&month, given), expected, "{given:?}");
        }
        let profile = table("enterprise_financing.enterprise_profile");
        assert_eq!(check(&profile, &["a,b"]), Ok(vec!["uscc:a,b".into()]));
        assert_eq!(check(&profile, &["uscc=a=b"]), Ok(vec!["uscc:a=b".into()]));
        // What is no name is a value.
        assert_eq!(check(&profile, &["A=b"]), Ok(vec!["uscc:A=b".into()]));
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused_with_both_numbers() {
        let month = table("investment_project.division_month");
        let said = |given: &[&str]| check(&month, given).expect_err("it does not fit");
        let name = "the key of investment_project.division_month";
        assert_eq!(said(&["500103"]), format!("KEY has 1 value, {name} has 2"));
        assert_eq!(said(&["a", "b", "c"]), format!("KEY has 3 values, {name} has 2"));
        assert_eq!(said(&["stat_month=a,stat_month=b"]), "KEY names `stat_month` twice");
        assert_eq!(
            said(&["stat_mont=a,division_code=b"]),
            "`stat_mont` is no column of the key of investment_project.division_month"
        );
        assert_eq!(said(&["stat_month=a,500103"]), "some values of KEY are named and some are not");
    }
}
