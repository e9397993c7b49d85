//! Figures: rows of `ledger.quality`, and the span of days they are summed over.

use chrono::{Datelike, Days, Months, NaiveDate};
use huiliu_model::Score;
use std::fmt;

/// One row of `ledger.quality`, summed over some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    pub dataset: String,
    /// As the records name it; empty when they name none.
    pub department: String,
    /// None: whole rows.
    pub field: Option<String>,
    /// None: all rules; else the label of one finding.
    pub rule: Option<String>,
    pub score: Score,
    /// How often the rule of this row was broken.
    pub findings: u64,
}

/// A half-open span of days in Asia/Shanghai.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

impl Period {
    /// Reads `2020`, `2020-06`, `2020-06-30` or `2020-06-01..2020-06-30` (both days inside).
    ///
    /// # Errors
    /// What can be written, when `text` is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no period: write 2020, 2020-06, 2020-06-30 or 2020-06-01..2020-06-30"
            )
        };
        if let Some((from, to)) = text.split_once("..") {
            let (from, to) = (Self::parse(from)?, Self::parse(to)?);
            return if from.from < to.to {
                Ok(Self { from: from.from, to: to.to })
            } else {
                Err(wrong())
            };
        }
        let parts: Vec<u32> =
            text.split('-').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let year = i32::try_from(*parts.first().unwrap_or(&0)).map_err(|_| wrong())?;
        let first = NaiveDate::from_ymd_opt(
            year,
            parts.get(1).copied().unwrap_or(1),
            parts.get(2).copied().unwrap_or(1),
        );
        let first = first.filter(|day| day.year() >= 1970).ok_or_else(wrong)?;
        let after = match parts.len() {
            1 => first.checked_add_months(Months::new(12)),
            2 => first.checked_add_months(Months::new(1)),
            3 => first.checked_add_days(Days::new(1)),
            _ => None,
        };
        Ok(Self { from: first, to: after.ok_or_else(wrong)? })
    }

    /// The month of a day.
    pub fn month_of(day: NaiveDate) -> Self {
        let from = day.with_day(1).unwrap_or(day);
        let to = from.checked_add_months(Months::new(1)).unwrap_or(day);
        Self { from, to }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.to.pred_opt().unwrap_or(self.to);
        if *self == Self::month_of(self.from) {
            return write!(f, "{}", self.from.format("%Y-%m"));
        }
        if self.from == last { write!(f, "{last}") } else { write!(f, "{}..{last}", self.from) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).expect("a day")
    }

    #[test]
    fn periods_are_read_in_every_form() {
        for (text, from, to) in [
            ("2020", day(2020, 1, 1), day(2021, 1, 1)),
            ("2020-02", day(2020, 2, 1), day(2020, 3, 1)),
            ("2020-12", day(2020, 12, 1), day(2021, 1, 1)),
            ("2020-06-30", day(2020, 6, 30), day(2020, 7, 1)),
            ("2020-06-29..2020-07-02", day(2020, 6, 29), day(2020, 7, 3)),
        ] {
            assert_eq!(Period::parse(text), Ok(Period { from, to }), "{text}");
        }
        for text in ["", "june", "2020-13", "2020-02-30", "2020-06-30..2020-06-01", "2020-1-1-1"] {
            assert!(Period::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_are_written_as_they_are_read() {
        for text in ["2020-02", "2020-06-30", "2020-06-29..2020-07-02"] {
            assert_eq!(Period::parse(text).expect("a period").to_string(), text);
        }
    }
}
