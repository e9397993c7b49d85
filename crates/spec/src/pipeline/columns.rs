//! Columns of a dataset: names, types, rules and protection, checked and built.

use super::encoding;
use super::file::{ColumnFile, OnFailWord, ProtectFile, ProtectWord};
use super::rules::{self, RuleFile};
use super::types::{PRECISION_MAX, TypeText};
use crate::diagnostic::{Code, Findings};
use crate::read::{Either, Read};
use crate::tree::At;
use huiliu_model::contract::{AtSource, Column, DataType, Grade, NamedRule, OnFail, Protect, Rule};
use huiliu_model::system;

/// What rules may ask of a column, as far as it is known.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub name: &'a str,
    pub at: At,
    pub data_type: Option<DataType>,
    pub required: bool,
    file: Option<&'a ColumnFile>,
}

impl Known<'_> {
    /// The values of its rule `one_of`; none if it has no such rule.
    pub fn listed(&self) -> Vec<&str> {
        let mut listed = Vec::new();
        for rule in self.file.into_iter().flat_map(rules_of) {
            if let Some(RuleFile::OneOf(codes)) = rule.get() {
                listed.extend(codes.get().into_iter().flatten().filter_map(Read::text));
            }
        }
        listed
    }

    pub fn has_named(&self, rule: NamedRule) -> bool {
        let is = |file: &RuleFile| matches!(file, RuleFile::Named(named) if *named == rule);
        self.file.is_some_and(|file| rules_of(file).any(|rule| rule.get().is_some_and(is)))
    }
}

fn rules_of(file: &ColumnFile) -> impl Iterator<Item = &Read<RuleFile>> {
    let list = file.rules.as_ref().and_then(Read::get).into_iter().flatten();
    file.rule.iter().chain(list)
}

/// First look at the columns: names and types, in order. The list has one entry per column of
/// the file, whatever is wrong with it, so that an index stays an index.
pub(super) fn survey<'a>(columns: &'a [Read<ColumnFile>], findings: &Findings) -> Vec<Known<'a>> {
    let mut known: Vec<Known<'a>> = Vec::with_capacity(columns.len());
    for column in columns {
        let Some(file) = column.get() else {
            let at = column.at;
            known.push(Known { name: "", at, data_type: None, required: false, file: None });
            continue;
        };
        let name = file.name.text().unwrap_or_default();
        if let Some(name) = file.name.text() {
            check_name(name, file.name.at, "column", findings);
            if let Some(first) = known.iter().find(|k| k.name == name) {
                let message =
                    format!("column `{name}` is declared twice, first on line {}", first.at.line);
                findings.add(Code::Duplicate, file.name.at, message);
            }
        }
        let required = file.required.as_ref().and_then(Read::get).copied().unwrap_or_default();
        let data_type = data_type(&file.data_type, findings);
        known.push(Known { name, at: file.name.at, data_type, required, file: Some(file) });
    }
    known
}

/// Reports a name that tables cannot carry.
pub(crate) fn check_name(name: &str, at: At, what: &str, findings: &Findings) {
    let mut chars = name.chars();
    let head = chars.next().is_some_and(|c| c.is_ascii_lowercase());
    let tail = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !head || !tail {
        let message = format!("{what} name `{name}` is not `[a-z][a-z0-9_]*`");
        let help = "readers of the tables need ASCII names; the title is for people";
        findings.add_with_help(Code::BadName, at, message, help);
    } else if name.starts_with(system::PREFIX) {
        let message = format!("{what} name `{name}` begins with `sys_`, which is reserved");
        findings.add(Code::BadName, at, message);
    }
}

fn data_type(read: &Read<TypeText>, findings: &Findings) -> Option<DataType> {
    match *read.get()? {
        TypeText::Known(data_type) => Some(data_type),
        TypeText::BadDecimal(precision, scale) => {
            let message = if scale > precision {
                format!("decimal({precision}, {scale}) has a scale above its precision")
            } else {
                format!(
                    "decimal({precision}, {scale}) has a precision outside 1 to {}",
                    PRECISION_MAX
                )
            };
            findings.add(Code::OutOfRange, read.at, message);
            None
        }
    }
}

/// Builds one column; `in_key` says whether it is part of the key.
pub(super) fn build(
    index: usize,
    known: &[Known<'_>],
    in_key: bool,
    findings: &Findings,
) -> Option<Column> {
    let column = &known[index];
    let file = column.file?;
    let rules = build_rules(file, column, known, findings);
    let title = non_empty(&file.title, "title", findings);
    let unit = file.unit.as_ref().and_then(|unit| non_empty(unit, "unit", findings));
    let grade = file.grade.get().map(|word| word.meaning());
    let protect = grade.and_then(|grade| protection(file, column, grade, in_key, findings));
    let on_fail = on_fail(file, column.name, in_key, findings);
    Some(Column {
        name: column.name.to_owned(),
        title: title?,
        data_type: column.data_type?,
        required: column.required,
        unit,
        grade: grade?,
        protect: protect?,
        rules,
        on_fail,
        source: AtSource {
            field: encoding::field(file, column.name, findings),
            encoding: encoding::declared(file, column, findings)?,
        },
    })
}

fn build_rules(
    file: &ColumnFile,
    column: &Known<'_>,
    known: &[Known<'_>],
    findings: &Findings,
) -> Vec<Rule> {
    let mut built: Vec<Rule> = Vec::new();
    for read in rules_of(file) {
        let Some(rule) =
            read.get().and_then(|rule| rules::check(rule, read.at, column, known, findings))
        else {
            continue;
        };
        if let Some(reason) = built.iter().find_map(|earlier| contradiction(earlier, &rule)) {
            let message = format!("column `{}` {reason}", column.name);
            findings.add(Code::RuleMismatch, read.at, message);
        }
        built.push(rule);
    }
    built
}

/// Why two rules cannot stand on one column.
fn contradiction(earlier: &Rule, later: &Rule) -> Option<String> {
    match (earlier, later) {
        (Rule::Named(a), Rule::Named(b)) => {
            Some(format!("has two named rules, `{}` and `{}`", a.name(), b.name()))
        }
        (Rule::AtLeast(least), Rule::AtMost(most)) | (Rule::AtMost(most), Rule::AtLeast(least)) => {
            (least > most).then(|| format!("must be at least {least} and at most {most}"))
        }
        _ if std::mem::discriminant(earlier) == std::mem::discriminant(later)
            && !may_repeat(earlier) =>
        {
            Some("has the same rule twice".to_owned())
        }
        _ => None,
    }
}

/// Rules that may be held against several columns.
fn may_repeat(rule: &Rule) -> bool {
    matches!(
        rule,
        Rule::NotBefore { .. } | Rule::After { .. } | Rule::RequiredWhen(_) | Rule::AtMostOf { .. }
    )
}

fn non_empty(read: &Read<String>, what: &str, findings: &Findings) -> Option<String> {
    let text = read.text()?.trim();
    if text.is_empty() {
        findings.add(Code::Empty, read.at, format!("the {what} is empty"));
        return None;
    }
    Some(text.to_owned())
}

fn on_fail(file: &ColumnFile, name: &str, in_key: bool, findings: &Findings) -> OnFail {
    let Some(read) = &file.on_fail else {
        return if in_key { OnFail::Reject } else { OnFail::Null };
    };
    let Some(word) = read.get() else { return OnFail::Null };
    if in_key && !matches!(word, OnFailWord::Reject) {
        let message = format!(
            "column `{name}` is in the key, whose columns reject the row, but says `{}`",
            word.text()
        );
        findings.add(Code::BadKey, read.at, message);
    }
    word.meaning()
}

/// The protection as declared, or that of the grade.
fn protection(
    file: &ColumnFile,
    column: &Known<'_>,
    grade: Grade,
    in_key: bool,
    findings: &Findings,
) -> Option<Protect> {
    let (protect, at) = match &file.protect {
        Some(read) => (declared(read.get()?, read.at, findings)?, read.at),
        None => (default_protection(column, grade), file.grade.at),
    };
    let name = column.name;
    if in_key && !matches!(protect, Protect::Keep | Protect::Token { .. }) {
        let message =
            format!("column `{name}` is in the key and would be {}", past_participle(&protect));
        let help = "a key stays readable: `protect: keep` or `protect: {token: <kind>}`";
        findings.add_with_help(Code::BadProtection, at, message, help);
        return None;
    }
    let text_only = matches!(protect, Protect::Token { .. });
    if let Some(data_type) = column.data_type
        && text_only
        && data_type != DataType::String
    {
        let message = format!("column `{name}` of type {data_type} cannot become a token");
        findings.add(Code::BadProtection, at, message);
        return None;
    }
    Some(protect)
}

fn past_participle(protect: &Protect) -> &'static str {
    match protect {
        Protect::Keep => "kept",
        Protect::Token { .. } => "replaced by a token",
        Protect::Mask(_) => "masked",
        Protect::Encrypt => "encrypted",
        Protect::Drop => "dropped",
    }
}

/// L1 to L3 are kept. L4 identifiers become tokens of one kind, so that persons join across
/// datasets; a holder code keeps what is a public company code. Other L4 values are encrypted.
fn default_protection(column: &Known<'_>, grade: Grade) -> Protect {
    let kind = NamedRule::ResidentId.name().to_owned();
    if grade < Grade::L4 {
        Protect::Keep
    } else if column.has_named(NamedRule::ResidentId)
        || column.has_named(NamedRule::IdentityDocument)
    {
        Protect::Token { kind, keep_uscc: false }
    } else if column.has_named(NamedRule::HolderCode) {
        Protect::Token { kind, keep_uscc: true }
    } else {
        Protect::Encrypt
    }
}

fn declared(
    file: &Either<ProtectWord, ProtectFile>,
    at: At,
    findings: &Findings,
) -> Option<Protect> {
    let map = match file {
        Either::Other(ProtectWord::Keep) => return Some(Protect::Keep),
        Either::Other(ProtectWord::Encrypt) => return Some(Protect::Encrypt),
        Either::Other(ProtectWord::Drop) => return Some(Protect::Drop),
        Either::Map(map) => map,
    };
    match (&map.mask, &map.token) {
        (Some(mask), None) if map.keep_uscc.is_none() => {
            mask.get().map(|word| Protect::Mask(word.meaning()))
        }
        (None, Some(token)) => {
            let kind = token.text()?.to_owned();
            check_name(&kind, token.at, "token", findings);
            let keep_uscc = map.keep_uscc.as_ref().and_then(Read::get).copied();
            Some(Protect::Token { kind, keep_uscc: keep_uscc.unwrap_or_default() })
        }
        _ => {
            let help = "one of `{mask: <kind>}`, `{token: <kind>}`, \
                        `{token: <kind>, keep_uscc: true}`";
            let message = "the protection is neither a mask nor a token";
            findings.add_with_help(Code::BadProtection, at, message, help);
            None
        }
    }
}
