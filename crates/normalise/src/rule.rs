//! Named rules: one text in, one outcome out.
//!
//! [`apply`] normalises a text as its rule asks (identifiers, names and free text differ) and
//! validates it. A clean value is returned borrowed and costs no allocation. Nothing here can
//! fail or panic: a value that is not acceptable is `Err` with a [`Reason`], a value that stands
//! for "nothing" is `Null`.
//!
//! ```text
//! Ok(v)       acceptable                      Warn(v, flags)  acceptable, with remarks
//! Null(None)  a null token                    Null(Some(r))   null by treatment r (masked, …)
//! Err(r)      not acceptable
//! ```
//!
//! Applying a rule to its own result gives that result again.

mod accepts;
mod explain;
mod flags;

pub use accepts::accepts;
pub use explain::{Explained, explain, explain_coordinates, reason_of};
pub use flags::Flags;

use crate::text::{self, TextKind, Value};
use crate::{date, id, number};
use huiliu_model::Reason;
use huiliu_model::contract::NamedRule;
use std::borrow::Cow;

/// What a rule made of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Acceptable.
    Ok(Cow<'a, str>),
    /// Acceptable, with remarks that do not lower any pass rate.
    Warn(Cow<'a, str>, Flags),
    /// Stands for "no value": a null token (`None`), or a value that is treated as missing for
    /// a reason: masked at the source, a placeholder date, an open end.
    Null(Option<Reason>),
    /// Not acceptable.
    Err(Reason),
}

impl<'a> Outcome<'a> {
    /// `Ok` without flags, else `Warn`.
    pub(crate) fn accept(text: Cow<'a, str>, flags: Flags) -> Self {
        if flags.is_empty() { Self::Ok(text) } else { Self::Warn(text, flags) }
    }

    /// The accepted text, if any.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Ok(text) | Self::Warn(text, _) => Some(text),
            Self::Null(_) | Self::Err(_) => None,
        }
    }

    /// Whether the accepted text differs from the `input` the rule was applied to.
    pub fn is_fixed(&self, input: &str) -> bool {
        match self.text() {
            Some(text) if text.len() == input.len() => {
                !std::ptr::eq(text.as_ptr(), input.as_ptr()) && text != input
            }
            Some(_) => true,
            None => false,
        }
    }

    /// The remarks; empty unless `Warn`.
    pub fn flags(&self) -> Flags {
        match self {
            Self::Warn(_, flags) => *flags,
            _ => Flags::default(),
        }
    }
}

/// What a rule needs to know besides the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context {
    /// Day of the record in days since 1970-01-01: a birth date must not lie after it, and a
    /// division counts as historic by it. Without it only dates after 2999 are refused.
    pub event_date: Option<i32>,
}

/// Normalises and validates `text` by `rule`.
pub fn apply<'a>(rule: NamedRule, text: &'a str, context: &Context) -> Outcome<'a> {
    match rule {
        NamedRule::Uscc => id::uscc::apply(text),
        NamedRule::OrgCode => id::org_code::apply(text),
        NamedRule::BusinessRegNo => id::registration::apply(text),
        NamedRule::ResidentId => id::resident::apply(text, context),
        NamedRule::IdentityDocument => id::document::apply(text, context),
        NamedRule::ElicenceId => id::licence::apply(text),
        NamedRule::LicenceType => id::licence::apply_type(text),
        NamedRule::ProjectCode => id::project::apply(text),
        NamedRule::HolderCode => id::holder::apply(text, context),
        NamedRule::Phone => id::phone::apply(text),
        NamedRule::Mobile => id::phone::apply_mobile(text),
        NamedRule::Landline => id::phone::apply_landline(text),
        NamedRule::PostalCode => id::postal::apply(text),
        NamedRule::Plate => id::plate::apply(text),
        NamedRule::BankCard => id::bank_card::apply(text),
        NamedRule::Division6 => id::division::apply6(text, context),
        NamedRule::Division12 => id::division::apply12(text, context),
        NamedRule::Division => id::division::apply(text, context),
        NamedRule::Industry => id::industry::apply(text),
        NamedRule::AccountNo => id::account::apply_account(text),
        NamedRule::MeterNo => id::account::apply_meter(text),
        NamedRule::UnitCode => id::estate::apply(text),
        NamedRule::ParcelCode => id::estate::apply_parcel(text),
        NamedRule::LandUse => id::land_use::apply(text),
        NamedRule::ItemCode => id::item::apply(text),
        NamedRule::RelaxedCode => id::relaxed::apply(text),
        NamedRule::PersonName => of_text(TextKind::PersonName, text),
        NamedRule::OrgName => of_text(TextKind::OrgName, text),
        NamedRule::Name => of_text(TextKind::Name, text),
        NamedRule::Address => of_text(TextKind::Address, text),
        NamedRule::Text => of_text(TextKind::Free, text),
        NamedRule::FreeText => of_free_text(text),
        NamedRule::Date => date::apply_date(text),
        NamedRule::Timestamp => date::apply_timestamp(text),
        NamedRule::Longitude => number::apply_degrees(text, number::CITY_LONGITUDE),
        NamedRule::Latitude => number::apply_degrees(text, number::CITY_LATITUDE),
    }
}

/// Running text without the personal numbers it held.
fn of_free_text(text: &str) -> Outcome<'_> {
    match of_text(TextKind::Free, text) {
        Outcome::Ok(tidy) => without_private(tidy, Flags::default()),
        Outcome::Warn(tidy, flags) => without_private(tidy, flags),
        other => other,
    }
}

fn without_private(text: Cow<'_, str>, flags: Flags) -> Outcome<'_> {
    match text::private::masked(&text) {
        Some(masked) => Outcome::Warn(Cow::Owned(masked), flags | Flags::PII_MASKED),
        None => Outcome::accept(text, flags),
    }
}

fn of_text(kind: TextKind, text: &str) -> Outcome<'_> {
    match text::normalise(kind, text) {
        Value::Text(text, flags) => Outcome::accept(text, flags),
        Value::Null => Outcome::Null(None),
        Value::Broken => Outcome::Err(Reason::Charset),
    }
}

#[cfg(test)]
mod tests;
