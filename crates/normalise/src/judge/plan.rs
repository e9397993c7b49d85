//! Plans: the rules of one column, checked against its type and ready to run.

use super::position;
use super::relation::Times;
use crate::lists::CodeList;
use crate::number::Unit;
use huiliu_model::contract::{Encoding, NamedRule, OnFail, Rule, When};
use huiliu_model::{Contract, DataType, Error, ErrorKind};
use regex::Regex;

/// Everything the cells of one column are held against.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Contract column.
    pub index: u16,
    pub name: String,
    pub data_type: DataType,
    pub key: bool,
    pub required: bool,
    pub on_fail: OnFail,
    pub named: Option<NamedRule>,
    /// Name of that rule, or of the tidying that every text gets.
    pub rule: &'static str,
    /// Tests of a text, after the named rule, in contract order.
    pub texts: Vec<TextTest>,
    pub unit: Unit,
    pub bounds: Option<Bounds>,
    pub month_start: bool,
    pub not_future: bool,
    /// The earliest day that passes, in days since 1970-01-01.
    pub since: Option<i32>,
    /// How many years a year lies before the event's at least.
    pub years_before_event: Option<i32>,
    pub across: Vec<Across>,
    /// How the source writes its values, as far as the contract says.
    pub encoding: Encoding,
}

#[derive(Debug)]
pub(crate) enum TextTest {
    CodeList(&'static CodeList),
    /// Sorted.
    OneOf(Vec<String>),
    Pattern(Regex),
    Length {
        min: usize,
        max: usize,
    },
}

/// Rules that look at another column of the row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Across {
    NotBefore(usize),
    After(usize),
    SexOf(usize),
    BirthDateOf(usize),
    SetWhen(When),
    RequiredWhen(When),
    AtMostOf(usize, Times),
    PrefixOf(usize),
    /// Minuend and subtrahend.
    DifferenceOf(usize, usize),
    Coordinates(position::Columns),
}

/// Inclusive bounds of a number, exact for whole numbers and decimals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    least: f64,
    most: f64,
    /// In units of the last decimal.
    least_unscaled: i128,
    most_unscaled: i128,
}

impl Bounds {
    fn new(least: Option<f64>, most: Option<f64>, scale: i8) -> Self {
        let unscaled = |bound: f64, outwards: fn(f64) -> f64| {
            let exact = bound * 10_f64.powi(i32::from(scale));
            // 0.07 × 100 is 7.000000000000001 in binary; the bound meant is 7.
            let near = exact.round();
            let whole = if (exact - near).abs() < 1e-6 { near } else { outwards(exact) };
            whole as i128
        };
        Self {
            least: least.unwrap_or(f64::NEG_INFINITY),
            most: most.unwrap_or(f64::INFINITY),
            least_unscaled: least.map_or(i128::MIN, |bound| unscaled(bound, f64::ceil)),
            most_unscaled: most.map_or(i128::MAX, |bound| unscaled(bound, f64::floor)),
        }
    }

    /// The name of the bound a whole number or an unscaled decimal breaks.
    pub fn broken_by(&self, unscaled: i128) -> Option<&'static str> {
        broken(unscaled < self.least_unscaled, unscaled > self.most_unscaled)
    }

    pub fn broken_by_double(&self, value: f64) -> Option<&'static str> {
        broken(value < self.least, value > self.most)
    }
}

fn broken(below: bool, above: bool) -> Option<&'static str> {
    match (below, above) {
        (true, _) => Some("at_least"),
        (_, true) => Some("at_most"),
        _ => None,
    }
}

impl Plan {
    /// Plans of all columns of a contract.
    ///
    /// # Errors
    /// Invalid, naming dataset, column and rule, when a rule does not suit its column.
    pub fn all(contract: &Contract) -> Result<Vec<Self>, Error> {
        (0..contract.columns.len()).map(|index| Self::new(contract, index)).collect()
    }

    fn new(contract: &Contract, index: usize) -> Result<Self, Error> {
        let column = &contract.columns[index];
        let mut plan = Self {
            index: u16::try_from(index).map_err(|_| invalid(contract, index, "too many"))?,
            name: column.name.clone(),
            data_type: column.data_type,
            key: contract.key.contains(&index),
            required: column.required,
            on_fail: column.on_fail,
            named: None,
            rule: NamedRule::Text.name(),
            texts: Vec::new(),
            unit: Unit::of(column.unit.as_deref()),
            bounds: None,
            month_start: false,
            not_future: false,
            since: None,
            years_before_event: None,
            across: Vec::new(),
            encoding: column.source.encoding,
        };
        let (mut least, mut most) = (None, None);
        for rule in &column.rules {
            match rule {
                Rule::AtLeast(bound) => least = Some(*bound),
                Rule::AtMost(bound) => most = Some(*bound),
                other => plan.add(contract, other)?,
            }
        }
        if least.is_some() || most.is_some() {
            let scale = match plan.data_type {
                DataType::Integer | DataType::Long | DataType::Double => 0,
                DataType::Decimal { scale, .. } => scale,
                _ => return Err(invalid(contract, index, "bounds need a number")),
            };
            plan.bounds = Some(Bounds::new(least, most, scale));
        }
        Ok(plan)
    }

    fn add(&mut self, contract: &Contract, rule: &Rule) -> Result<(), Error> {
        let index = usize::from(self.index);
        let refuse = |why: &str| Err(invalid(contract, index, why));
        let text = self.data_type == DataType::String;
        match rule {
            Rule::Named(_) if self.named.is_some() => return refuse("has two named rules"),
            Rule::Named(named) => (self.named, self.rule) = (Some(*named), named.name()),
            Rule::CodeList(name) => match CodeList::get(name) {
                Some(list) if text => self.texts.push(TextTest::CodeList(list)),
                Some(_) => return refuse("a code list needs a string"),
                None => return refuse(&format!("code list {name} is not known")),
            },
            Rule::OneOf(_) | Rule::Pattern(_) | Rule::Length { .. } if !text => {
                return refuse("one_of, pattern and length need a string");
            }
            Rule::OneOf(values) => {
                let mut values = values.clone();
                values.sort();
                self.texts.push(TextTest::OneOf(values));
            }
            Rule::Pattern(pattern) => match Regex::new(&format!(r"\A(?:{pattern})\z")) {
                Ok(regex) => self.texts.push(TextTest::Pattern(regex)),
                Err(_) => return refuse("pattern is not a regular expression"),
            },
            Rule::Length { min, max } => {
                self.texts.push(TextTest::Length { min: *min, max: *max });
            }
            Rule::MonthStart if self.data_type != DataType::Date => {
                return refuse("month_start needs a date");
            }
            Rule::MonthStart => self.month_start = true,
            Rule::NotFuture if !is_dated(self.data_type) => {
                return refuse("not_future needs a date or a timestamp");
            }
            Rule::NotFuture => self.not_future = true,
            Rule::Since(_) if self.data_type != DataType::Date => {
                return refuse("since needs a date");
            }
            Rule::Since(day) => self.since = Some(*day),
            Rule::YearBeforeEvent(_) if !is_whole(self.data_type) => {
                return refuse("year_before_event needs a whole number");
            }
            Rule::YearBeforeEvent(years) => self.years_before_event = Some(*years),
            Rule::AtLeast(_) | Rule::AtMost(_) => {}
            other => self.across.push(self.across(contract, other)?),
        }
        Ok(())
    }

    /// A rule that looks at other columns, when all are of a type that it can compare.
    fn across(&self, contract: &Contract, rule: &Rule) -> Result<Across, Error> {
        let text = is_text(self.data_type);
        let other = |at: usize, fits: fn(DataType) -> bool| {
            contract.columns.get(at).is_some_and(|other| fits(other.data_type))
        };
        let (fits, across, why) = match rule {
            Rule::NotBefore { column } => (
                is_dated(self.data_type) && other(*column, is_dated),
                Across::NotBefore(*column),
                "not_before compares two dates or timestamps",
            ),
            Rule::After { column } => (
                is_dated(self.data_type) && other(*column, is_dated),
                Across::After(*column),
                "after compares two dates or timestamps",
            ),
            Rule::SexOf { column } => (
                text && other(*column, is_text),
                Across::SexOf(*column),
                "sex_of needs a string and a resident id",
            ),
            Rule::BirthDateOf { column } => (
                self.data_type == DataType::Date && other(*column, is_text),
                Across::BirthDateOf(*column),
                "birth_date_of needs a date and a resident id",
            ),
            Rule::SetWhen(when) => (
                other(when.column, |_| true),
                Across::SetWhen(when.clone()),
                "set_when needs another column",
            ),
            Rule::RequiredWhen(when) => (
                other(when.column, |_| true),
                Across::RequiredWhen(when.clone()),
                "required_when needs another column",
            ),
            Rule::AtMostOf { column, times } => (
                is_number(self.data_type) && other(*column, is_number),
                Across::AtMostOf(*column, Times::new(*times)),
                "at_most_of compares two numbers",
            ),
            Rule::PrefixOf { column } => (
                text && other(*column, is_text),
                Across::PrefixOf(*column),
                "prefix_of compares two strings",
            ),
            Rule::DifferenceOf { minuend, subtrahend } => (
                is_exact(self.data_type)
                    && other(*minuend, is_exact)
                    && other(*subtrahend, is_exact),
                Across::DifferenceOf(*minuend, *subtrahend),
                "difference_of needs three whole numbers or decimals",
            ),
            Rule::Coordinates { latitude, system } => (
                is_double(self.data_type)
                    && other(*latitude, is_double)
                    && system.is_none_or(|system| other(system, is_text)),
                Across::Coordinates(position::Columns {
                    longitude: usize::from(self.index),
                    latitude: *latitude,
                    system: *system,
                }),
                "coordinates needs two doubles and the name of a system",
            ),
            _ => return Err(invalid(contract, usize::from(self.index), "is no rule of a row")),
        };
        if fits { Ok(across) } else { Err(invalid(contract, usize::from(self.index), why)) }
    }
}

fn is_text(data_type: DataType) -> bool {
    data_type == DataType::String
}

fn is_whole(data_type: DataType) -> bool {
    matches!(data_type, DataType::Integer | DataType::Long)
}

/// Numbers whose differences have no error.
fn is_exact(data_type: DataType) -> bool {
    is_whole(data_type) || matches!(data_type, DataType::Decimal { .. })
}

fn is_double(data_type: DataType) -> bool {
    data_type == DataType::Double
}

fn is_number(data_type: DataType) -> bool {
    is_exact(data_type) || is_double(data_type)
}

fn is_dated(data_type: DataType) -> bool {
    matches!(data_type, DataType::Date | DataType::Timestamp)
}

fn invalid(contract: &Contract, index: usize, why: &str) -> Error {
    let column = contract.columns.get(index).map_or("?", |column| &column.name);
    let text = format!("dataset {} column {column}: {why}", contract.dataset);
    Error::new(ErrorKind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_decimals_are_exact() {
        // At scale 2: at least 0.07 and at most 12.345 leave 0.07 to 12.34.
        let bounds = Bounds::new(Some(0.07), Some(12.345), 2);
        assert_eq!(bounds.broken_by(6), Some("at_least"));
        assert_eq!(bounds.broken_by(7), None);
        assert_eq!(bounds.broken_by(1234), None);
        assert_eq!(bounds.broken_by(1235), Some("at_most"));
        let open = Bounds::new(None, Some(0.0), 0);
        assert_eq!(open.broken_by(i128::MIN), None);
        assert_eq!(open.broken_by_double(0.5), Some("at_most"));
    }
}
