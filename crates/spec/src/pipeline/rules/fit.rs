//! Which rule fits which column: rules as written become the model's.

use super::{CoordinatesFile, RuleFile, TimesFile, WhenFile};
use crate::code_lists;
use crate::diagnostic::{Code, Findings, did_you_mean, one_of};
use crate::pipeline::columns::Known;
use crate::read::{Read, Scalar};
use crate::tree::At;
use crate::units::parse_day;
use huiliu_model::contract::{DataType, NamedRule, Rule, When};

/// Turns a rule as written into the model's, reporting what does not fit.
pub(in crate::pipeline) fn check(
    rule: &RuleFile,
    at: At,
    column: &Known<'_>,
    others: &[Known<'_>],
    findings: &Findings,
) -> Option<Rule> {
    let checker = Checker { at, column, others, findings };
    match rule {
        RuleFile::Named(named) => checker.named(*named),
        RuleFile::MonthStart => checker.typed("month_start", &[is_date], Rule::MonthStart),
        RuleFile::NotFuture => {
            checker.typed("not_future", &[is_date, is_timestamp], Rule::NotFuture)
        }
        RuleFile::CodeList(name) => checker.code_list(name),
        RuleFile::OneOf(codes) => checker.one_of(codes),
        RuleFile::AtLeast(bound) => {
            checker.typed("at_least", &[is_number], Rule::AtLeast(*bound.get()?))
        }
        RuleFile::AtMost(bound) => {
            checker.typed("at_most", &[is_number], Rule::AtMost(*bound.get()?))
        }
        RuleFile::Pattern(pattern) => checker.pattern(pattern),
        RuleFile::Length(bounds) => checker.length(bounds),
        RuleFile::NotBefore(other) => {
            checker.ordered("not_before", other, |column| Rule::NotBefore { column })
        }
        RuleFile::After(other) => checker.ordered("after", other, |column| Rule::After { column }),
        RuleFile::Since(day) => checker.since(day),
        RuleFile::SexOf(other) => {
            let column = checker.resident_id("sex_of", other)?;
            checker.typed("sex_of", &[is_string], Rule::SexOf { column })
        }
        RuleFile::BirthDateOf(other) => {
            let column = checker.resident_id("birth_date_of", other)?;
            checker.typed("birth_date_of", &[is_date], Rule::BirthDateOf { column })
        }
        RuleFile::SetWhen(when) => checker.set_when(when),
        RuleFile::RequiredWhen(when) => checker.when("required_when", when).map(Rule::RequiredWhen),
        RuleFile::AtMostOf(most) => checker.at_most_of(most),
        RuleFile::NotAbove(other) => checker.not_above("not_above", other, 1.0),
        RuleFile::PrefixOf(other) => checker.prefix_of(other),
        RuleFile::DifferenceOf(pair) => checker.difference_of(pair),
        RuleFile::YearBeforeEvent(years) => checker.year_before_event(years),
        RuleFile::Coordinates(file) => checker.coordinates(file),
    }
}

type Fits = fn(DataType) -> bool;

fn is_string(data_type: DataType) -> bool {
    data_type == DataType::String
}

fn is_date(data_type: DataType) -> bool {
    data_type == DataType::Date
}

fn is_timestamp(data_type: DataType) -> bool {
    data_type == DataType::Timestamp
}

fn is_whole(data_type: DataType) -> bool {
    matches!(data_type, DataType::Integer | DataType::Long)
}

/// Numbers whose differences have no error.
fn is_exact(data_type: DataType) -> bool {
    is_whole(data_type) || matches!(data_type, DataType::Decimal { .. })
}

/// Types whose values a list in a contract can name.
fn is_named(data_type: DataType) -> bool {
    is_string(data_type) || is_whole(data_type) || data_type == DataType::Boolean
}

fn is_double(data_type: DataType) -> bool {
    data_type == DataType::Double
}

fn is_number(data_type: DataType) -> bool {
    matches!(
        data_type,
        DataType::Integer | DataType::Long | DataType::Double | DataType::Decimal { .. }
    )
}

struct Checker<'a> {
    at: At,
    column: &'a Known<'a>,
    others: &'a [Known<'a>],
    findings: &'a Findings,
}

impl Checker<'_> {
    /// The rule, when the column's type is one it fits. An unknown type was reported elsewhere.
    fn typed(&self, name: &str, fits: &[Fits], rule: Rule) -> Option<Rule> {
        let data_type = self.column.data_type?;
        if fits.iter().any(|fit| fit(data_type)) {
            return Some(rule);
        }
        let column = self.column.name;
        let message = format!("rule `{name}` does not fit column `{column}` of type {data_type}");
        self.findings.add(Code::RuleMismatch, self.at, message);
        None
    }

    fn named(&self, rule: NamedRule) -> Option<Rule> {
        let fits: Fits = match rule {
            NamedRule::Longitude | NamedRule::Latitude => is_double,
            NamedRule::Date => is_date,
            NamedRule::Timestamp => is_timestamp,
            _ => is_string,
        };
        self.typed(rule.name(), &[fits], Rule::Named(rule))
    }

    fn code_list(&self, name: &Read<String>) -> Option<Rule> {
        let text = name.text()?;
        if !code_lists::NAMES.contains(&text) {
            let message = format!("unknown code list `{text}`");
            let help = one_of(text, &code_lists::NAMES);
            self.findings.add_with_help(Code::UnknownWord, name.at, message, help);
            return None;
        }
        self.typed("code_list", &[is_string], Rule::CodeList(text.to_owned()))
    }

    fn one_of(&self, codes: &Read<Vec<Read<String>>>) -> Option<Rule> {
        let list = codes.get()?;
        if list.is_empty() {
            self.findings.add(Code::Empty, codes.at, "rule `one_of` lists no code");
            return None;
        }
        let texts: Vec<String> = list.iter().filter_map(|c| c.value.clone()).collect();
        for (index, code) in list.iter().enumerate() {
            if code.value.is_some() && list[..index].iter().any(|c| c.value == code.value) {
                let message = format!("code `{}` is listed twice", code.text().unwrap_or(""));
                self.findings.add(Code::Duplicate, code.at, message);
            }
        }
        self.typed("one_of", &[is_string], Rule::OneOf(texts))
    }

    fn pattern(&self, pattern: &Read<String>) -> Option<Rule> {
        let text = pattern.text()?;
        if let Err(error) = regex::Regex::new(text) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("pattern does not compile: {reason}");
            self.findings.add(Code::BadPattern, pattern.at, message);
            return None;
        }
        self.typed("pattern", &[is_string], Rule::Pattern(text.to_owned()))
    }

    fn length(&self, bounds: &Read<(usize, usize)>) -> Option<Rule> {
        let (min, max) = *bounds.get()?;
        if min > max {
            let message = format!("no text has a length of {min} to {max}");
            self.findings.add(Code::OutOfRange, bounds.at, message);
            return None;
        }
        self.typed("length", &[is_string], Rule::Length { min, max })
    }

    fn since(&self, day: &Read<String>) -> Option<Rule> {
        let text = day.text()?;
        let Some(days) = parse_day(text) else {
            let message = format!("rule `since` needs a day as 2014-01-31, found `{text}`");
            self.findings.add(Code::OutOfRange, day.at, message);
            return None;
        };
        self.typed("since", &[is_date], Rule::Since(days))
    }

    /// A rule that orders this date or instant behind another.
    fn ordered(
        &self,
        name: &str,
        other: &Read<String>,
        rule: impl Fn(usize) -> Rule,
    ) -> Option<Rule> {
        let (column, found) = self.other(name, other)?;
        let rule = self.typed(name, &[is_date, is_timestamp], rule(column))?;
        if found.data_type? == self.column.data_type? {
            return Some(rule);
        }
        let message = format!(
            "rule `{name}` compares column `{}` of type {} with column `{}` of type {}",
            self.column.name, self.column.data_type?, found.name, found.data_type?
        );
        self.findings.add(Code::RuleMismatch, other.at, message);
        None
    }

    /// Index of another column, which must have the rule `resident_id`.
    fn resident_id(&self, rule: &str, other: &Read<String>) -> Option<usize> {
        let (index, found) = self.other(rule, other)?;
        if [NamedRule::ResidentId, NamedRule::IdentityDocument].iter().any(|r| found.has_named(*r))
        {
            return Some(index);
        }
        let message = format!("rule `{rule}` needs a resident id, column `{}` is none", found.name);
        let help = format!("give column `{}` the rule `resident_id`", found.name);
        self.findings.add_with_help(Code::RuleMismatch, other.at, message, help);
        None
    }

    fn set_when(&self, when: &Read<WhenFile>) -> Option<Rule> {
        let rule = self.when("set_when", when).map(Rule::SetWhen)?;
        if self.column.required {
            let name = self.column.name;
            let message = format!("column `{name}` is required, rule `set_when` wants it null");
            let help = "leave out `required`, or write `required_when`";
            self.findings.add_with_help(Code::RuleMismatch, self.at, message, help);
            return None;
        }
        Some(rule)
    }

    fn when(&self, rule: &str, when: &Read<WhenFile>) -> Option<When> {
        let file = when.get()?;
        let (column, found) = self.second(rule, &file.column, is_named)?;
        let values = file.values.get()?;
        if values.is_empty() {
            self.findings.add(Code::Empty, file.values.at, format!("rule `{rule}` lists no value"));
            return None;
        }
        let fits = |read: &Read<Scalar>| {
            let text = &read.get()?.0;
            check_value(text, read.at, found, self.findings).then(|| text.clone())
        };
        let values = values.iter().map(fits).collect::<Option<Vec<_>>>()?;
        Some(When { column, values })
    }

    fn at_most_of(&self, most: &Read<TimesFile>) -> Option<Rule> {
        let file = most.get()?;
        let times = *file.times.get()?;
        if !(times > 0.0 && times.is_finite()) {
            let message = format!("rule `at_most_of` has {times} times, which is not above 0");
            self.findings.add(Code::OutOfRange, file.times.at, message);
            return None;
        }
        self.not_above("at_most_of", &file.column, times)
    }

    fn not_above(&self, rule: &str, other: &Read<String>, times: f64) -> Option<Rule> {
        let (column, _) = self.second(rule, other, is_number)?;
        self.typed(rule, &[is_number], Rule::AtMostOf { column, times })
    }

    fn prefix_of(&self, other: &Read<String>) -> Option<Rule> {
        let (column, _) = self.second("prefix_of", other, is_string)?;
        self.typed("prefix_of", &[is_string], Rule::PrefixOf { column })
    }

    fn difference_of(&self, pair: &Read<(Read<String>, Read<String>)>) -> Option<Rule> {
        let (minuend, subtrahend) = pair.get()?;
        let (minuend, _) = self.second("difference_of", minuend, is_exact)?;
        let (subtrahend, _) = self.second("difference_of", subtrahend, is_exact)?;
        self.typed("difference_of", &[is_exact], Rule::DifferenceOf { minuend, subtrahend })
    }

    fn year_before_event(&self, years: &Read<i32>) -> Option<Rule> {
        let count = *years.get()?;
        if !(0..=200).contains(&count) {
            let message = format!("rule `year_before_event` is {count} years, outside 0 to 200");
            self.findings.add(Code::OutOfRange, years.at, message);
            return None;
        }
        self.typed("year_before_event", &[is_whole], Rule::YearBeforeEvent(count))
    }

    /// The named rules refuse what this one puts right, so the two exclude each other.
    fn coordinates(&self, file: &Read<CoordinatesFile>) -> Option<Rule> {
        let file = file.get()?;
        let (latitude, found) = self.second("coordinates", &file.latitude, is_double)?;
        let system = match &file.system {
            Some(name) => Some(self.second("coordinates", name, is_string)?.0),
            None => None,
        };
        for (column, named) in [(self.column, NamedRule::Longitude), (found, NamedRule::Latitude)] {
            if column.has_named(named) {
                let (name, rule) = (column.name, named.name());
                let message = format!("rule `coordinates` excludes rule `{rule}` of `{name}`");
                let help = format!("leave out `{rule}`: it refuses what `coordinates` puts right");
                self.findings.add_with_help(Code::RuleMismatch, self.at, message, help);
                return None;
            }
        }
        self.typed("coordinates", &[is_double], Rule::Coordinates { latitude, system })
    }

    /// Another column than the rule's own, of a type that fits.
    fn second(&self, rule: &str, other: &Read<String>, fits: Fits) -> Option<(usize, &Known<'_>)> {
        let (index, found) = self.other(rule, other)?;
        if found.name == self.column.name {
            let message =
                format!("rule `{rule}` of column `{}` names the column itself", found.name);
            self.findings.add(Code::RuleMismatch, other.at, message);
            return None;
        }
        let data_type = found.data_type?;
        if !fits(data_type) {
            let message =
                format!("rule `{rule}` cannot use column `{}` of type {data_type}", found.name);
            self.findings.add(Code::RuleMismatch, other.at, message);
            return None;
        }
        Some((index, found))
    }

    fn other(&self, rule: &str, other: &Read<String>) -> Option<(usize, &Known<'_>)> {
        let name = other.text()?;
        let found = self.others.iter().enumerate().find(|(_, known)| known.name == name);
        if found.is_none() {
            let message = format!("rule `{rule}` names column `{name}`, which does not exist");
            let help = did_you_mean(name, self.others.iter().map(|known| known.name));
            self.findings.push(Code::UnknownColumn, other.at, message, help);
        }
        found
    }
}

/// Whether a column can have a value, which is written as `text`; else that is reported.
pub(in crate::pipeline) fn check_value(
    text: &str,
    at: At,
    column: &Known<'_>,
    findings: &Findings,
) -> bool {
    let fits = match column.data_type {
        Some(DataType::Boolean) => matches!(text, "true" | "false"),
        Some(DataType::Integer) => text.parse::<i32>().is_ok(),
        Some(DataType::Long) => text.parse::<i64>().is_ok(),
        _ => true,
    };
    if !fits {
        let message = format!("column `{}` never has the value `{text}`", column.name);
        findings.add(Code::OutOfRange, at, message);
        return false;
    }
    let listed = column.listed();
    if !listed.is_empty() && !listed.contains(&text) {
        let message = format!("column `{}` never has the value `{text}`", column.name);
        findings.add_with_help(Code::UnknownWord, at, message, one_of(text, &listed));
        return false;
    }
    true
}
