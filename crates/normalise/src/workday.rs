//! Working days of the mainland's calendar, with its holidays and the weekends worked for them.
//!
//! The table is `cn_workdays_2018_2026.csv` (sources in `data/README.md`): per day the number of
//! working days up to and including it. Outside 2018 to 2026 nothing is known.

use crate::date;
use std::sync::OnceLock;

const CALENDAR: &str = include_str!("../data/cn_workdays_2018_2026.csv");
/// First day of the table.
const FIRST: i32 = date::days_from_civil(2018, 1, 1);

/// Working days after day `from` up to and including `to`, in days since 1970-01-01; negative
/// when `to` is earlier. `None` if one of them lies outside the table.
pub fn between(from: i32, to: i32) -> Option<i32> {
    Some(count(to)? - count(from)?)
}

/// Working days from the first day of the table to `day`.
fn count(day: i32) -> Option<i32> {
    static COUNTS: OnceLock<Vec<i32>> = OnceLock::new();
    let counts = COUNTS.get_or_init(|| {
        let cell = |line: &'static str| line.split(',').nth(2)?.parse().ok();
        CALENDAR.lines().skip(1).map_while(cell).collect()
    });
    counts.get(usize::try_from(day.checked_sub(FIRST)?).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use date::days_from_civil as day;

    /// The State Council's notices: Spring Festival 2020 was prolonged to Sunday 2 February, and
    /// Sunday 19 January was worked for it.
    #[test]
    fn holidays_and_weekends_that_were_worked_count_as_announced() {
        assert_eq!(between(day(2020, 1, 17), day(2020, 1, 19)), Some(1));
        assert_eq!(between(day(2020, 1, 23), day(2020, 2, 2)), Some(0));
        assert_eq!(between(day(2020, 1, 23), day(2020, 2, 3)), Some(1));
        assert_eq!(between(day(2020, 2, 3), day(2020, 1, 23)), Some(-1));
        assert_eq!(between(day(2019, 7, 1), day(2019, 7, 8)), Some(5));
    }

    #[test]
    fn days_outside_the_table_have_no_answer() {
        assert_eq!(between(day(2017, 12, 31), day(2018, 1, 5)), None);
        assert_eq!(between(day(2026, 12, 31), day(2027, 1, 1)), None);
        assert_eq!(between(day(2018, 1, 1), day(2026, 12, 31)), Some(2_244));
    }
}
