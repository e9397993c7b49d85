//! Which column of a file is which column of the contract.
//!
//! A column is found by its name, whatever its case, or by its title (户号), with or without the
//! remark in brackets at its end (用量(m3)). What is not found is left out and named.

use crate::error::refused;
use huiliu_model::{Column, Contract, Error};
use std::collections::BTreeMap;

/// The columns of a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Per column of the file, the column of the contract by index.
    pub columns: Vec<Option<usize>>,
    /// Columns of the file that the contract does not know.
    pub ignored: Vec<String>,
    /// Columns of the contract that the file does not have, by name.
    pub absent: Vec<String>,
}

impl Header {
    /// Finds the columns of the contract.
    ///
    /// # Errors
    /// `Contract` when none is known, when one stands twice, or when a key column is missing.
    pub(crate) fn find(names: &[String], contract: &Contract, shown: &str) -> Result<Self, Error> {
        let known = Known::of(contract);
        let columns: Vec<Option<usize>> = names.iter().map(|name| known.find(name)).collect();
        let found = |index: usize| columns.iter().filter(|c| **c == Some(index)).count();
        let named = |index: &usize| {
            let Column { name, title, .. } = &contract.columns[*index];
            format!("`{name}` ({title})")
        };
        if columns.iter().all(Option::is_none) {
            let why = format!("has no column of dataset `{}` in its header", contract.dataset);
            return Err(refused(shown, why, expected(contract)));
        }
        if let Some(twice) = (0..contract.columns.len()).find(|index| found(*index) > 1) {
            let why = format!("has column {} more than once", named(&twice));
            return Err(refused(shown, why, "leave one of them, and name it as the contract does"));
        }
        let lost: Vec<String> =
            contract.key.iter().filter(|i| found(**i) == 0).map(named).collect();
        if !lost.is_empty() {
            let why = format!("has no column for the key: {}", lost.join(", "));
            return Err(refused(shown, why, expected(contract)));
        }
        let pairs = names.iter().zip(&columns);
        let ignored = pairs.filter(|(_, c)| c.is_none()).map(|(name, _)| name.clone()).collect();
        let absent = (0..contract.columns.len()).filter(|index| found(*index) == 0);
        let absent = absent.map(|index| contract.columns[index].name.clone()).collect();
        Ok(Self { columns, ignored, absent })
    }

    /// How many columns of the contract these names stand for.
    pub(crate) fn known_count(names: &[String], contract: &Contract) -> usize {
        let known = Known::of(contract);
        names.iter().filter(|name| known.find(name).is_some()).count()
    }
}

/// What a header of the contract would be.
pub(crate) fn expected(contract: &Contract) -> String {
    let columns: Vec<String> =
        contract.columns.iter().map(|c| format!("{} ({})", c.name, c.title)).collect();
    format!("columns by name or title: {}", columns.join(", "))
}

/// Names and titles in the form they are compared in; `None` where one stands for two columns.
struct Known(BTreeMap<String, Option<usize>>);

impl Known {
    fn of(contract: &Contract) -> Self {
        let mut known: BTreeMap<String, Option<usize>> = BTreeMap::new();
        // Titles first with their remark, then without; names of fields and of
        // columns last, because they are sure.
        let spellings: [fn(&Column) -> String; 2] =
            [|column| tidy(&column.title), |column| tidy(bare(&column.title))];
        for spelling in spellings {
            for (index, column) in contract.columns.iter().enumerate() {
                known
                    .entry(spelling(column))
                    .and_modify(|held| *held = held.filter(|other| *other == index))
                    .or_insert(Some(index));
            }
        }
        let names: [fn(&Column) -> &str; 2] = [Column::field, |column| &column.name];
        for name in names {
            for (index, column) in contract.columns.iter().enumerate() {
                known.insert(tidy(name(column)), Some(index));
            }
        }
        Self(known)
    }

    fn find(&self, name: &str) -> Option<usize> {
        let exact = self.0.get(&tidy(name)).copied().flatten();
        exact.or_else(|| self.0.get(&tidy(bare(name))).copied().flatten())
    }
}

/// Without spaces, full-width brackets and capitals.
fn tidy(name: &str) -> String {
    let plain = |c: char| match c {
        '（' => '(',
        '）' => ')',
        other => other.to_ascii_lowercase(),
    };
    name.chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}').map(plain).collect()
}

/// A title without the remark in brackets at its end.
fn bare(title: &str) -> &str {
    let end = title.trim_end();
    match end.rfind(['(', '（']) {
        Some(at) if at > 0 && end.ends_with([')', '）']) => &end[..at],
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_testkit::account_contract;

    fn contract() -> Contract {
        let mut contract = account_contract();
        contract.columns[0].title = "户号".into();
        contract.columns[1].title = "状态(代码)".into();
        contract
    }

    fn find(names: &[&str]) -> Result<Header, Error> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        Header::find(&names, &contract(), "a.csv")
    }

    #[test]
    fn columns_are_found_by_name_and_by_title() {
        for names in [
            ["account_no", "status"],
            [" ACCOUNT_NO ", "Status"],
            ["户号", "状态（代码）"],
            ["户 号", "状态"],
            ["户号(水)", "status"],
        ] {
            let header = find(&names).expect("known");
            assert_eq!(header.columns, [Some(0), Some(1)], "{names:?}");
            assert!(header.ignored.is_empty() && header.absent.is_empty());
        }
    }

    #[test]
    fn strangers_are_ignored_and_what_is_missing_is_named() {
        let header = find(&["备注", "户号", ""]).expect("the key is there");
        assert_eq!(header.columns, [None, Some(0), None]);
        assert_eq!(header.ignored, ["备注", ""]);
        assert_eq!(header.absent, ["status"]);
    }

    #[test]
    fn a_header_without_the_key_or_with_a_column_twice_is_refused() {
        for (names, said) in [
            (&["a", "b"][..], "no column of dataset `account`"),
            (&["status"], "no column for the key: `account_no` (户号)"),
            (&["account_no", "户号"], "`account_no` (户号) more than once"),
        ] {
            let error = find(names).expect_err("refused");
            assert!(error.message.contains(said), "{}", error.message);
            assert!(error.help.is_some());
        }
    }

    #[test]
    fn a_title_that_two_columns_share_finds_neither() {
        let mut contract = contract();
        contract.columns[1].title = "户号".into();
        let names = ["户号".to_owned(), "account_no".to_owned()];
        assert_eq!(Header::known_count(&names, &contract), 1);
    }
}
