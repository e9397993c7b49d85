//! Which rule the values of a text column obey: every rule is tried, the most specific first.

use crate::words::Hint;
use huiliu_model::contract::NamedRule;
use huiliu_normalise::lists::CodeList;
use huiliu_normalise::rule::{Context, Flags, Outcome, apply};

/// A rule is proposed when this share of the values passes it.
pub(crate) const SHARE_MIN: f64 = 0.95;

/// Rules with a check character, or with codes so sparse that values pass by no accident; in the
/// order in which they are tried.
const STRONG: [NamedRule; 15] = [
    NamedRule::ElicenceId,
    NamedRule::LicenceType,
    NamedRule::UnitCode,
    NamedRule::ParcelCode,
    NamedRule::ItemCode,
    NamedRule::Uscc,
    NamedRule::ResidentId,
    NamedRule::HolderCode,
    NamedRule::ProjectCode,
    NamedRule::BusinessRegNo,
    NamedRule::OrgCode,
    NamedRule::BankCard,
    NamedRule::Plate,
    NamedRule::Mobile,
    NamedRule::Division,
];
/// Strong rules fit by accident where there is but a value or two.
const DISTINCT_MIN: usize = 3;

/// A rule, and how many values pass it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    pub rule: Fitting,
    pub share: f64,
    /// A word of the header asked for it; else the values alone did.
    pub is_hinted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fitting {
    Named(NamedRule),
    List(&'static str),
}

/// The rule that fits; `values` are distinct texts with how often each stands.
pub(crate) fn find(values: &[(&str, usize)], hint: Hint) -> Option<Fit> {
    let hinted = match hint {
        Hint::Rule(rule) => Some(rule),
        _ => None,
    };
    let is_telling = values.len() >= DISTINCT_MIN;
    let strong = STRONG.into_iter().filter(|rule| is_telling || hinted == Some(*rule));
    // A header that says phone means both kinds, whichever the sample has.
    let strong =
        strong.filter(|rule| *rule != NamedRule::Mobile || hinted != Some(NamedRule::Phone));
    let mut tried = strong.chain(hinted);
    let fit = tried.find_map(|rule| {
        let share = share(values, |text| judge(rule, text, hinted == Some(rule)))?;
        let is_hinted = hinted == Some(rule);
        (share >= SHARE_MIN).then_some(Fit {
            rule: Fitting::Named(narrow(rule, values)),
            share,
            is_hinted,
        })
    });
    fit.or_else(|| of_list(values, hint))
}

/// `division` says six or twelve digits; the sample may say which.
fn narrow(rule: NamedRule, values: &[(&str, usize)]) -> NamedRule {
    let all = |length| values.iter().all(|(text, _)| text.len() == length);
    match rule {
        NamedRule::Division if all(6) => NamedRule::Division6,
        NamedRule::Division if all(12) => NamedRule::Division12,
        rule => rule,
    }
}

/// Whether a text passes; `None` counts neither way. Without a hint, remarks that say "an older
/// form", "a wrong check digit" or "another form" are no evidence.
fn judge(rule: NamedRule, text: &str, is_hinted: bool) -> Option<bool> {
    let doubts = Flags::LEGACY | Flags::VARIANT | Flags::LUHN | Flags::REGION_UNKNOWN;
    match apply(rule, text, &Context::default()) {
        Outcome::Ok(_) => Some(true),
        Outcome::Warn(_, flags) => {
            let is_doubtful = flags.iter().any(|name| {
                Flags::ALL.iter().any(|(known, flag)| *known == name && doubts.contains(*flag))
            });
            Some(is_hinted || !is_doubtful)
        }
        Outcome::Null(_) => None,
        Outcome::Err(_) => Some(false),
    }
}

/// A list fits by its word, or by the names of its codes; digits alone fit every list.
fn of_list(values: &[(&str, usize)], hint: Hint) -> Option<Fit> {
    let passing = |name: &str| {
        let list = CodeList::get(name)?;
        share(values, |text| match list.apply(text) {
            Outcome::Ok(_) | Outcome::Warn(..) => Some(true),
            Outcome::Null(_) => None,
            Outcome::Err(_) => Some(false),
        })
    };
    if let Hint::List(name) = hint
        && let Some(share) = passing(name).filter(|share| *share >= SHARE_MIN)
    {
        return Some(Fit { rule: Fitting::List(name), share, is_hinted: true });
    }
    let is_name = |text: &str| text.chars().any(|c| !c.is_ascii());
    if values.len() < 2 || !values.iter().all(|(text, _)| is_name(text)) {
        return None;
    }
    let fits = CodeList::names().into_iter().filter_map(|name| {
        let share = passing(name).filter(|share| *share >= SHARE_MIN)?;
        Some((CodeList::get(name)?.codes().count(), name, share))
    });
    let (_, name, share) = fits.min_by_key(|(count, name, _)| (*count, *name))?;
    Some(Fit { rule: Fitting::List(name), share, is_hinted: false })
}

fn share(values: &[(&str, usize)], judge: impl Fn(&str) -> Option<bool>) -> Option<f64> {
    let (mut passed, mut checked) = (0, 0);
    for (text, count) in values {
        if let Some(passes) = judge(text) {
            checked += count;
            passed += if passes { *count } else { 0 };
        }
    }
    (checked > 0).then(|| passed as f64 / checked as f64)
}
