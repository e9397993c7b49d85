//! Checks of a dataset: how they are written, and which columns they can be about.
//!
//! What concerns the other dataset of a check is looked at when all datasets are known.

use super::columns::Known;
use super::rules::check_value;
use crate::diagnostic::{Code, Findings, did_you_mean};
use crate::read::{Read, Scalar};
use crate::tree::At;
use huiliu_model::contract::{Check, DataType, Target};
use schemars::JsonSchema;
use serde::Deserialize;
use std::cmp::Ordering;

/// Something that must hold over the rows of the table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "check", rename_all = "snake_case")]
pub(crate) enum CheckFile {
    /// The values of the columns are those of a row of another dataset.
    Reference(Read<ReferenceFile>),
    /// The sum of a column over each group lies within bounds.
    SumPer(Read<SumPerFile>),
    /// Exactly one row of each group has the value.
    OnePer(Read<OnePerFile>),
    /// A number does not fall within its group.
    NonDecreasing(Read<NonDecreasingFile>),
    /// No number is far above the median of its group.
    Outlier(Read<OutlierFile>),
    /// A position lies near the one another dataset knows.
    Near(Read<NearFile>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "reference", deny_unknown_fields)]
pub(crate) struct ReferenceFile {
    /// Columns of this dataset; a row with a null among them is not counted.
    pub columns: Read<Vec<Read<String>>>,
    /// The other dataset.
    pub to: Read<String>,
    /// Its columns, one for each; its key when not given.
    pub to_columns: Option<Read<Vec<Read<String>>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "sum_per", deny_unknown_fields)]
pub(crate) struct SumPerFile {
    /// A column of numbers.
    pub column: Read<String>,
    /// Columns that make a group.
    pub by: Read<Vec<Read<String>>>,
    /// Lowest sum.
    pub from: Read<f64>,
    /// Highest sum.
    pub to: Read<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "one_per", deny_unknown_fields)]
pub(crate) struct OnePerFile {
    /// A column of text, whole numbers, or true and false.
    pub column: Read<String>,
    /// The value that one row of each group has.
    pub value: Read<Scalar>,
    /// Columns that make a group.
    pub by: Read<Vec<Read<String>>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "non_decreasing", deny_unknown_fields)]
pub(crate) struct NonDecreasingFile {
    /// A column of numbers.
    pub column: Read<String>,
    /// Columns that make a group.
    pub by: Read<Vec<Read<String>>>,
    /// The column that orders the rows of a group: a date, an instant or a whole number.
    pub order: Read<String>,
    /// Share of a register's size above which a fall is a rollover, 0 to 1. Never when not given.
    pub rollover_over: Option<Read<f64>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "outlier", deny_unknown_fields)]
pub(crate) struct OutlierFile {
    /// A column of numbers.
    pub column: Read<String>,
    /// Columns that make a group.
    pub by: Read<Vec<Read<String>>>,
    /// How many times the median is too much; above 1.
    pub times_median: Read<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "near", deny_unknown_fields)]
pub(crate) struct NearFile {
    /// Columns of the position; they have the same names in the other dataset.
    pub longitude: Read<String>,
    pub latitude: Read<String>,
    /// The other dataset.
    pub to: Read<String>,
    /// Columns of this dataset that hold the key of the other.
    pub by: Read<Vec<Read<String>>>,
    /// Distance from which on a position is not near.
    pub metres: Read<f64>,
}

/// A check with the places of what it says of another dataset.
#[derive(Debug)]
pub(crate) struct Placed {
    pub check: Check,
    /// Where the other dataset is named.
    pub to: At,
    /// Where the columns are named that must fit it.
    pub columns: At,
}

/// Builds the checks of a file; none for those with findings.
pub(super) fn build(
    read: Option<&Read<Vec<Read<CheckFile>>>>,
    known: &[Known<'_>],
    findings: &Findings,
) -> Vec<Placed> {
    let files = read.and_then(Read::get).into_iter().flatten();
    files.filter_map(|file| Builder { at: file.at, known, findings }.check(file.get()?)).collect()
}

type Fits = fn(DataType) -> bool;

fn is_number(data_type: DataType) -> bool {
    is_whole(data_type) || matches!(data_type, DataType::Double | DataType::Decimal { .. })
}

fn is_whole(data_type: DataType) -> bool {
    matches!(data_type, DataType::Integer | DataType::Long)
}

fn is_ordered(data_type: DataType) -> bool {
    is_whole(data_type) || matches!(data_type, DataType::Date | DataType::Timestamp)
}

fn is_named(data_type: DataType) -> bool {
    is_whole(data_type) || matches!(data_type, DataType::String | DataType::Boolean)
}

fn is_double(data_type: DataType) -> bool {
    data_type == DataType::Double
}

/// Groups and references compare values; of doubles that means little.
fn is_comparable(data_type: DataType) -> bool {
    data_type != DataType::Double
}

struct Builder<'a> {
    at: At,
    known: &'a [Known<'a>],
    findings: &'a Findings,
}

impl Builder<'_> {
    fn check(&self, file: &CheckFile) -> Option<Placed> {
        let check = match file {
            CheckFile::Reference(file) => return self.reference(file.get()?),
            CheckFile::Near(file) => return self.near(file.get()?),
            CheckFile::SumPer(file) => self.sum_per(file.get()?)?,
            CheckFile::OnePer(file) => self.one_per(file.get()?)?,
            CheckFile::NonDecreasing(file) => self.non_decreasing(file.get()?)?,
            CheckFile::Outlier(file) => self.outlier(file.get()?)?,
        };
        Some(Placed { check, to: self.at, columns: self.at })
    }

    fn reference(&self, file: &ReferenceFile) -> Option<Placed> {
        let columns = self.columns(&file.columns)?;
        let names = match &file.to_columns {
            None => Vec::new(),
            Some(read) => {
                let names = read.get()?;
                if names.len() != columns.len() {
                    let message = format!(
                        "{} columns are held against {} of `to_columns`",
                        columns.len(),
                        names.len()
                    );
                    self.findings.add(Code::BadKey, read.at, message);
                    return None;
                }
                names.iter().map(|name| name.value.clone()).collect::<Option<_>>()?
            }
        };
        let to = Target { dataset: file.to.text()?.into(), columns: names };
        let place = file.to_columns.as_ref().map_or(file.columns.at, |read| read.at);
        Some(Placed { check: Check::Reference { columns, to }, to: file.to.at, columns: place })
    }

    fn near(&self, file: &NearFile) -> Option<Placed> {
        let longitude = self.column(&file.longitude, is_double)?;
        let latitude = self.column(&file.latitude, is_double)?;
        let by = self.columns(&file.by)?;
        let metres = self.above(&file.metres, 0.0, "metres")?;
        let to = Target { dataset: file.to.text()?.into(), columns: Vec::new() };
        let check = Check::Near { longitude, latitude, by, to, metres };
        Some(Placed { check, to: file.to.at, columns: file.by.at })
    }

    fn sum_per(&self, file: &SumPerFile) -> Option<Check> {
        let column = self.column(&file.column, is_number)?;
        let by = self.columns(&file.by)?;
        let (from, to) = (*file.from.get()?, *file.to.get()?);
        if from.partial_cmp(&to).is_none_or(Ordering::is_gt) {
            let message = format!("no sum lies between {from} and {to}");
            self.findings.add(Code::OutOfRange, file.from.at, message);
            return None;
        }
        Some(Check::SumPer { column, by, from, to })
    }

    fn one_per(&self, file: &OnePerFile) -> Option<Check> {
        let column = self.column(&file.column, is_named)?;
        let by = self.columns(&file.by)?;
        let value = file.value.get()?.0.clone();
        check_value(&value, file.value.at, &self.known[column], self.findings)
            .then_some(Check::OnePer { column, value, by })
    }

    fn non_decreasing(&self, file: &NonDecreasingFile) -> Option<Check> {
        let column = self.column(&file.column, is_number)?;
        let by = self.columns(&file.by)?;
        let order = self.column(&file.order, is_ordered)?;
        let rollover_over = match &file.rollover_over {
            None => None,
            Some(read) => {
                let share = *read.get()?;
                if !(share > 0.0 && share <= 1.0) {
                    let message = format!("`rollover_over` is {share}, outside 0 to 1");
                    self.findings.add(Code::OutOfRange, read.at, message);
                    return None;
                }
                Some(share)
            }
        };
        Some(Check::NonDecreasing { column, by, order, rollover_over })
    }

    fn outlier(&self, file: &OutlierFile) -> Option<Check> {
        let column = self.column(&file.column, is_number)?;
        let by = self.columns(&file.by)?;
        let times_median = self.above(&file.times_median, 1.0, "times_median")?;
        Some(Check::Outlier { column, by, times_median })
    }

    fn above(&self, read: &Read<f64>, least: f64, what: &str) -> Option<f64> {
        let value = *read.get()?;
        if value > least && value.is_finite() {
            return Some(value);
        }
        let message = format!("`{what}` is {value}, which is not above {least}");
        self.findings.add(Code::OutOfRange, read.at, message);
        None
    }

    /// Indices of columns that make a group or a reference.
    fn columns(&self, read: &Read<Vec<Read<String>>>) -> Option<Vec<usize>> {
        let names = read.get()?;
        if names.is_empty() {
            self.findings.add(Code::Empty, read.at, "the check names no columns");
            return None;
        }
        let mut indices = Vec::with_capacity(names.len());
        for name in names {
            let index = self.column(name, is_comparable)?;
            if indices.contains(&index) {
                let message = format!("the check names column `{}` twice", self.known[index].name);
                self.findings.add(Code::Duplicate, name.at, message);
                return None;
            }
            indices.push(index);
        }
        Some(indices)
    }

    fn column(&self, read: &Read<String>, fits: Fits) -> Option<usize> {
        let name = read.text()?;
        let Some(index) = self.known.iter().position(|column| column.name == name) else {
            let message = format!("the check names column `{name}`, which does not exist");
            let help = did_you_mean(name, self.known.iter().map(|column| column.name));
            self.findings.push(Code::UnknownColumn, read.at, message, help);
            return None;
        };
        let data_type = self.known[index].data_type?;
        if !fits(data_type) {
            let message = format!("the check cannot use column `{name}` of type {data_type}");
            self.findings.add(Code::RuleMismatch, read.at, message);
            return None;
        }
        Some(index)
    }
}
