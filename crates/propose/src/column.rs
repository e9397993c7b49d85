//! One column: its name, its type, its rules, and why.

use crate::rules::{self, Fitting, SHARE_MIN};
use crate::sample::{Cell, Field, Logical, Sample};
use crate::words::{self, Hint};
use huiliu_model::contract::{DataType, Grade, NamedRule};
use huiliu_normalise::date::{self, DateOutcome, TimestampOutcome};
use huiliu_normalise::id::resident;
use huiliu_normalise::number::{self, NumberOutcome};
use huiliu_normalise::text::is_null_token;
use std::collections::{BTreeMap, BTreeSet};

/// A proposed column.
#[derive(Debug, Clone)]
pub struct Guess {
    pub name: String,
    pub title: String,
    pub data_type: DataType,
    pub is_required: bool,
    /// Name of the field, where records find it by that and a column cannot have it.
    pub from: Option<String>,
    /// As the file writes it.
    pub rules: Vec<String>,
    pub unit: Option<&'static str>,
    pub grade: Grade,
    /// As the file writes it; that of the grade without one.
    pub protect: Option<String>,
    /// Reasons, in words, without values of grade L3 or L4.
    pub why: Vec<String>,
    /// Field of the sample.
    pub field: usize,
    pub(crate) named: Option<NamedRule>,
    pub(crate) list: Option<&'static str>,
    pub(crate) hint: Hint,
    /// Up to three values of the sample; shown only below L3.
    pub(crate) examples: Vec<String>,
}

/// Names of the columns by field, and what no column can be made of.
pub(crate) fn names(sample: &Sample) -> (Vec<(usize, String)>, Vec<(String, String)>) {
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (index, field) in sample.fields.iter().enumerate() {
        let mut refuse = |why: &str| left_out.push((field.header.clone(), why.to_owned()));
        if field.cells.contains(&Cell::Nested) {
            refuse("it holds objects or lists; have it flattened at the source");
            continue;
        }
        if sample.is_named && words::is_name(&field.header) {
            if taken.insert(field.header.clone()) {
                names.push((index, field.header.clone()));
            }
            continue;
        }
        if field.header.trim().is_empty() {
            refuse("its header is empty");
            continue;
        }
        if sample.fields[..index].iter().any(|other| other.header == field.header) {
            refuse("its header stands twice; name it otherwise");
            continue;
        }
        let wanted = words::read(&field.header).name;
        let wanted = wanted.unwrap_or_else(|| format!("col_{}", index + 1));
        let mut name = wanted.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        names.push((index, name));
    }
    (names, left_out)
}

/// Type, rules and unit of one field.
pub(crate) fn guess(field: &Field, index: usize, name: String) -> Guess {
    let word = words::read(&field.header);
    let hint = word.hint;
    let present: Vec<&Cell> = field
        .cells
        .iter()
        .filter(|cell| cell.text().is_some_and(|text| !is_null_token(text.trim())))
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in present.iter().filter_map(|cell| cell.text()) {
        *counts.entry(text).or_default() += 1;
    }
    let values: Vec<(&str, usize)> = counts.into_iter().collect();
    let mut guess = Guess {
        name,
        title: field.header.trim().to_owned(),
        data_type: DataType::String,
        is_required: !field.cells.is_empty() && present.len() == field.cells.len(),
        from: None,
        rules: Vec::new(),
        unit: words::remark(&field.header).and_then(words::unit),
        grade: Grade::L3,
        protect: None,
        why: Vec::new(),
        field: index,
        named: None,
        list: None,
        hint,
        examples: values.iter().take(3).map(|(text, _)| (*text).to_owned()).collect(),
    };
    if values.is_empty() {
        guess.why.push("no value in the sample".to_owned());
        guess.rules.push("text".to_owned());
        return guess;
    }
    if let Some(logical) = field.logical {
        guess.take_logical(logical);
    } else if present.iter().all(|cell| matches!(cell, Cell::Truth(_))) {
        guess.data_type = DataType::Boolean;
        guess.why.push("true and false".to_owned());
    } else {
        guess.take_values(&values);
    }
    if matches!(hint, Hint::Amount) && guess.is_number() && guess.unit.is_none() {
        guess.unit = Some("CNY");
        guess.why.push("the unit is guessed by the word, check it".to_owned());
    }
    guess
}

impl Guess {
    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self.data_type,
            DataType::Integer | DataType::Long | DataType::Double | DataType::Decimal { .. }
        )
    }

    fn take_logical(&mut self, logical: Logical) {
        self.data_type = match logical {
            Logical::Date => DataType::Date,
            Logical::Timestamp => DataType::Timestamp,
            Logical::Decimal { scale } => {
                DataType::Decimal { precision: 38.min(18.max(scale.unsigned_abs() + 9)), scale }
            }
        };
        self.why
            .push("the records say so: their schema, or numbers that count from 1970".to_owned());
    }

    fn take_values(&mut self, values: &[(&str, usize)]) {
        let hint = self.hint;
        let is_number_word = matches!(hint, Hint::Amount | Hint::Quantity);
        let degrees = [NamedRule::Longitude, NamedRule::Latitude];
        if let Hint::Rule(rule) = hint
            && degrees.contains(&rule)
            && share(values, |t| {
                matches!(number::parse_double(t.as_bytes()), NumberOutcome::Value { .. })
            }) >= SHARE_MIN
        {
            self.data_type = DataType::Double;
            self.named = Some(rule);
            self.rules.push(rule.name().to_owned());
            self.unit = Some("deg");
            return;
        }
        if self.takes_truth(values) || self.takes_time(values) {
            return;
        }
        let fit = if is_number_word { None } else { rules::find(values, hint) };
        if let Some(fit) = fit {
            let name = match fit.rule {
                Fitting::Named(rule) => {
                    self.named = Some(rule);
                    self.rules.push(rule.name().to_owned());
                    rule.name().to_owned()
                }
                Fitting::List(list) => {
                    self.list = Some(list);
                    self.rules.push(format!("{{code_list: {list}}}"));
                    format!("code list {list}")
                }
            };
            let by = if fit.is_hinted { "the header and the values" } else { "the values" };
            self.why.push(format!("{name}: {} pass, by {by}", percent(fit.share)));
            return;
        }
        if self.takes_number(values) {
            return;
        }
        let longest = values.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
        if hint == Hint::Note || longest > 40 {
            self.rules.push("free_text".to_owned());
            self.why
                .push("running text: identity numbers, mobiles and cards in it are masked".into());
        } else {
            self.rules.push("text".to_owned());
            self.why.push(format!("no rule fits {} of the values", percent(SHARE_MIN)));
        }
    }

    fn takes_truth(&mut self, values: &[(&str, usize)]) -> bool {
        let is_word = |text: &str| !text.bytes().any(|b| b.is_ascii_digit());
        let fits = |text: &str| {
            matches!(number::parse_boolean(text.as_bytes()), NumberOutcome::Value { .. })
                && (self.hint == Hint::Truth || is_word(text))
        };
        let takes = values.len() <= 8 && share(values, fits) >= SHARE_MIN;
        if takes {
            self.data_type = DataType::Boolean;
            self.why.push("values are yes and no".to_owned());
        }
        takes
    }

    fn takes_time(&mut self, values: &[(&str, usize)]) -> bool {
        let hint = self.hint;
        let is_time_word =
            matches!(hint, Hint::Date | Hint::Month | Hint::Time | Hint::Updated | Hint::Birth);
        let is_code_word = matches!(
            hint,
            Hint::Code | Hint::Amount | Hint::Quantity | Hint::Rule(_) | Hint::List(_)
        );
        if is_code_word {
            return false;
        }
        let looks = |text: &str| is_time_word || is_written_date(text);
        let is_day = |text: &str| {
            let parsed = date::parse_date(text.as_bytes());
            looks(text) && matches!(parsed, DateOutcome::Value { .. } | DateOutcome::OpenEnd)
        };
        let is_instant = |text: &str| {
            let parsed = date::parse_timestamp(text.as_bytes());
            looks(text)
                && matches!(parsed, TimestampOutcome::Value { .. } | TimestampOutcome::OpenEnd)
        };
        let month = |text: &str| match date::parse_month(text.as_bytes()) {
            DateOutcome::Value { days, .. } => Some(days),
            _ => None,
        };
        let has_clock = values.iter().any(|(text, _)| text.contains(':'));
        let counts_seconds = matches!(hint, Hint::Time | Hint::Updated)
            && values.iter().all(|(text, _)| digits(text) && text.len() >= 10);
        if (has_clock || counts_seconds) && share(values, is_instant) >= SHARE_MIN {
            self.data_type = DataType::Timestamp;
            self.why.push(format!("instants: {} are read", percent(share(values, is_instant))));
        } else if share(values, is_day) >= SHARE_MIN && hint != Hint::Month {
            self.data_type = DataType::Date;
            self.why.push(format!("dates: {} are read", percent(share(values, is_day))));
        } else if hint == Hint::Month && share(values, |t| month(t).is_some()) >= SHARE_MIN {
            self.data_type = DataType::Date;
            self.rules.push("month_start".to_owned());
            self.why.push("months, stored as their first day".to_owned());
        } else {
            return false;
        }
        true
    }

    fn takes_number(&mut self, values: &[(&str, usize)]) -> bool {
        let is_number_word = matches!(self.hint, Hint::Amount | Hint::Quantity);
        let is_identity =
            matches!(self.hint, Hint::Code | Hint::Rule(_) | Hint::List(_) | Hint::Sensitive);
        if is_identity {
            return false;
        }
        let has_zeros = |text: &str| text.len() > 1 && text.starts_with('0') && digits(text);
        if values.iter().any(|(text, _)| has_zeros(text)) {
            self.why.push("leading zeros are kept: text".to_owned());
            return false;
        }
        let length = values.first().map_or(0, |(text, _)| text.len());
        let same = values.len() >= 3
            && values.iter().all(|(text, _)| digits(text) && text.len() == length);
        if same && length >= 8 && !is_number_word {
            self.why.push(format!("{length} digits each: a number of something, kept as text"));
            return false;
        }
        let reads = |text: &str| {
            let unit = number::Unit::of(self.unit);
            matches!(
                number::parse_decimal(text.as_bytes(), 38, 6, unit),
                NumberOutcome::Value { .. }
            )
        };
        let passing = share(values, reads);
        if passing < SHARE_MIN {
            return false;
        }
        let scale = values.iter().map(|(text, _)| decimals(text)).max().unwrap_or(0);
        let whole = values.iter().map(|(text, _)| whole_digits(text)).max().unwrap_or(0);
        self.data_type = match (scale, whole) {
            (0, ..=9) if self.hint != Hint::Amount => DataType::Integer,
            (0, ..=18) if self.hint != Hint::Amount => DataType::Long,
            (0, 19..) => return false,
            (scale, whole) => {
                let scale = if self.hint == Hint::Amount { scale.max(2) } else { scale };
                // Room for a thousand times the largest value, and no less than 18 digits.
                let precision = (whole + 3 + scale).clamp(18, 38);
                DataType::Decimal {
                    precision: u8::try_from(precision).unwrap_or(38),
                    scale: i8::try_from(scale).unwrap_or(6),
                }
            }
        };
        self.why.push(format!("numbers: {} are read", percent(passing)));
        let is_positive = !values.iter().any(|(text, _)| text.trim_start().starts_with('-'));
        if is_number_word && is_positive {
            self.rules.push("{at_least: 0}".to_owned());
        }
        true
    }
}

/// Rules between columns: a birth date and a sex that an identity number says, a position.
pub(crate) fn relate(columns: &mut [Guess], sample: &Sample) {
    let of_rule = |columns: &[Guess], rule| {
        let mut found = columns.iter().filter(|c| c.named == Some(rule));
        let first = found.next().map(|c| (c.name.clone(), c.field));
        if found.next().is_some() { None } else { first }
    };
    if let Some((id_name, id)) = of_rule(columns, NamedRule::ResidentId) {
        for column in columns.iter_mut() {
            let ids = &sample.fields[id].cells;
            let pairs = ids.iter().zip(&sample.fields[column.field].cells);
            let pairs =
                pairs.filter_map(|(id, own)| Some((resident::facts(id.text()?)?, own.text()?)));
            let agrees = |(facts, own): (resident::Facts, &str)| match column.list {
                Some("sex") => huiliu_normalise::lists::CodeList::get("sex")
                    .and_then(|list| list.canonical(own))
                    .is_some_and(|(code, _)| code == facts.sex_code),
                _ => matches!(date::parse_date(own.as_bytes()),
                    DateOutcome::Value { days, .. } if days == facts.birth_days),
            };
            let verdicts: Vec<bool> = pairs.map(agrees).collect();
            let passed = verdicts.iter().filter(|v| **v).count();
            let is_telling =
                verdicts.len() >= 3 && passed as f64 >= SHARE_MIN * verdicts.len() as f64;
            let rule = match (column.list, column.data_type) {
                (Some("sex"), _) => "sex_of",
                (None, DataType::Date) => "birth_date_of",
                _ => continue,
            };
            if is_telling {
                column.rules.push(format!("{{{rule}: {id_name}}}"));
                column.why.push(format!("agrees with `{id_name}`"));
                if rule == "birth_date_of" {
                    column.hint = Hint::Birth;
                }
            }
        }
    }
    let (east, north) =
        (of_rule(columns, NamedRule::Longitude), of_rule(columns, NamedRule::Latitude));
    if let (Some((east, _)), Some((north, _))) = (east, north) {
        for column in columns.iter_mut() {
            if column.name == east {
                column.rules = vec![format!("{{coordinates: {{latitude: {north}}}}}")];
                column
                    .why
                    .push(format!("a position with `{north}`; the system is taken for CGCS2000"));
            } else if column.name == north {
                column.rules.clear();
            }
        }
    }
}

fn share(values: &[(&str, usize)], passes: impl Fn(&str) -> bool) -> f64 {
    let all: usize = values.iter().map(|(_, count)| count).sum();
    let passed: usize =
        values.iter().filter(|(text, _)| passes(text)).map(|(_, count)| count).sum();
    if all == 0 { 0.0 } else { passed as f64 / all as f64 }
}

/// A share in per cent, rounded down: 100 % means all.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", (share * 1_000.0).floor() / 10.0)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A date that nobody takes for a number: separators, or eight digits of this or the last century.
fn is_written_date(text: &str) -> bool {
    let text = text.trim();
    let separated =
        text.len() >= 8 && text.contains(['-', '/', '.', '年']) && !text.starts_with('-');
    let is_plain = digits(text) && text.len() == 8;
    let century = text.starts_with("19") || text.starts_with("20");
    (separated && text.starts_with(|c: char| c.is_ascii_digit() || c == '二' || c == '一'))
        || (is_plain && century)
}

fn decimals(text: &str) -> usize {
    let text = text.trim();
    let behind = text.split_once('.').map_or("", |(_, behind)| behind);
    behind.bytes().take_while(u8::is_ascii_digit).count().min(6)
}

fn whole_digits(text: &str) -> usize {
    text.split('.').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count()
}
