//! Quality: what the cells and rows of some records were found to be, by day of delivery,
//! department and field.
//!
//! A cell is checked if it is mandatory or not null as delivered; a value masked at the source, a
//! value that was not sent and the image of a delete are not counted. It passes *raw* if it is
//! good as delivered, and *after* if it is good after automatic repairs. Warnings lower neither
//! (domain specification, 4.4). A row qualifies if each of its cells passes; a record that no row
//! could be read from is a row that does not qualify.

use std::ops::AddAssign;

/// Cells or rows by outcome: `checked >= passed >= passed_raw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    pub checked: u64,
    /// Passed as delivered.
    pub passed_raw: u64,
    /// Passed after automatic repairs.
    pub passed: u64,
}

impl Score {
    /// Counts one cell or row.
    #[inline]
    pub fn count(&mut self, raw: bool, after: bool) {
        self.checked += 1;
        self.passed_raw += u64::from(raw);
        self.passed += u64::from(after);
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.checked += other.checked;
        self.passed_raw += other.passed_raw;
        self.passed += other.passed;
    }
}

/// How often one column showed one defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Contract column, by index.
    pub column: u16,
    /// Label of a [`crate::Reason`] or of a warning: a closed set.
    pub label: &'static str,
    pub count: u64,
}

/// What the records of one department and day were found to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DepartmentQuality {
    /// Day on which the records reached Kafka, in Asia/Shanghai, since 1970-01-01.
    pub day: i32,
    /// As the records name it (`src.dept` of the envelope); empty when they name none.
    pub department: String,
    pub rows: Score,
    /// By contract column.
    pub cells: Vec<Score>,
    /// In the order of column and label, each pair once.
    pub findings: Vec<Finding>,
}

impl DepartmentQuality {
    pub fn new(day: i32, department: String, column_count: usize) -> Self {
        let cells = vec![Score::default(); column_count];
        Self { day, department, rows: Score::default(), cells, findings: Vec::new() }
    }

    /// Adds findings, in any order.
    pub fn find(&mut self, finding: Finding) {
        let place = |held: &Finding| (held.column, held.label);
        match self.findings.binary_search_by_key(&(finding.column, finding.label), place) {
            Ok(at) => self.findings[at].count += finding.count,
            Err(at) => self.findings.insert(at, finding),
        }
    }
}

/// What some records of one dataset were found to be, in the order of day and department.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quality(pub Vec<DepartmentQuality>);

impl Quality {
    /// The entry of a day and department, made when it is new.
    pub fn of(&mut self, day: i32, department: &str, columns: usize) -> &mut DepartmentQuality {
        let place = |held: &DepartmentQuality| {
            held.day.cmp(&day).then_with(|| held.department.as_str().cmp(department))
        };
        let at = match self.0.binary_search_by(place) {
            Ok(at) => at,
            Err(at) => {
                let new = DepartmentQuality::new(day, department.to_owned(), columns);
                self.0.insert(at, new);
                at
            }
        };
        &mut self.0[at]
    }

    /// Scores of all departments, by contract column.
    pub fn cells(&self) -> Vec<Score> {
        let columns = self.0.iter().map(|held| held.cells.len()).max().unwrap_or(0);
        let mut sums = vec![Score::default(); columns];
        for held in &self.0 {
            for (sum, score) in sums.iter_mut().zip(&held.cells) {
                *sum += *score;
            }
        }
        sums
    }

    /// Findings of all departments, in the order of column and label.
    pub fn findings(&self) -> Vec<Finding> {
        let mut sums = DepartmentQuality::default();
        for finding in self.0.iter().flat_map(|held| &held.findings) {
            sums.find(*finding);
        }
        sums.findings
    }

    /// Scores of all rows.
    pub fn rows(&self) -> Score {
        let mut sum = Score::default();
        for held in &self.0 {
            sum += held.rows;
        }
        sum
    }
}

impl AddAssign<&Quality> for Quality {
    fn add_assign(&mut self, other: &Quality) {
        for theirs in &other.0 {
            let ours = self.of(theirs.day, &theirs.department, theirs.cells.len());
            ours.rows += theirs.rows;
            for (sum, score) in ours.cells.iter_mut().zip(&theirs.cells) {
                *sum += *score;
            }
            for finding in &theirs.findings {
                ours.find(*finding);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(department: &str, label: &'static str, count: u64) -> Quality {
        let mut quality = Quality::default();
        let held = quality.of(18_000, department, 2);
        held.rows = Score { checked: 10, passed_raw: 8, passed: 9 };
        held.cells[1] = Score { checked: 10, passed_raw: 10 - count, passed: 10 };
        held.find(Finding { column: 1, label, count });
        quality
    }

    #[test]
    fn sums_are_kept_by_department_column_and_label() {
        let mut sum = one("b", "RANGE", 1);
        sum += &one("a", "LENGTH", 2);
        sum += &one("b", "LENGTH", 1);
        let departments: Vec<&str> = sum.0.iter().map(|held| held.department.as_str()).collect();
        assert_eq!(departments, ["a", "b"]);
        assert_eq!(sum.rows(), Score { checked: 30, passed_raw: 24, passed: 27 });
        assert_eq!(sum.cells()[1], Score { checked: 30, passed_raw: 26, passed: 30 });
        let labels: Vec<(&str, u64)> = sum.findings().iter().map(|f| (f.label, f.count)).collect();
        assert_eq!(labels, [("LENGTH", 3), ("RANGE", 1)]);
    }
}
