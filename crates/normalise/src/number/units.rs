//! Numbers as people write them: separators, signs, exponents, 万 and 亿, currencies (D35).

use super::NumberOutcome;
use crate::text::{self, TextKind, Value};
use huiliu_model::Reason;

/// The unit of a column, as far as it changes how a number is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// No unit, or one that has no multiples here.
    #[default]
    Plain,
    Yuan,
    /// Ten thousand yuan (万元).
    WanYuan,
    Percent,
}

impl Unit {
    /// The unit by the text of a contract: `CNY`, 元, 万元, `CNY_10K`, `%` …
    pub fn of(unit: Option<&str>) -> Self {
        match unit.map(str::trim) {
            Some("万元" | "万元人民币" | "CNY_10K" | "10kCNY" | "CNY10K" | "wan" | "wan CNY") => {
                Self::WanYuan
            }
            Some("10k CNY" | "10000 CNY" | "CNY_WAN" | "CNY wan" | "wan_yuan" | "万") => {
                Self::WanYuan
            }
            Some("元" | "CNY" | "RMB" | "人民币" | "yuan") => Self::Yuan,
            Some("%" | "percent" | "pct") => Self::Percent,
            _ => Self::Plain,
        }
    }
}

/// `digits × 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scaled {
    pub digits: i128,
    pub exponent: i32,
}

impl Scaled {
    /// The number as an integer of `10^-scale`, if it is one.
    pub fn at_scale(self, scale: i32) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let shift = self.exponent.checked_add(scale)?;
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        if shift >= 0 {
            self.digits.checked_mul(power?)
        } else {
            // A power beyond 128 bits cannot divide a number within them.
            let power = power?;
            (self.digits % power == 0).then(|| self.digits / power)
        }
    }
}

/// Largest exponent taken for a number; more is a mistake, not an amount.
const EXPONENT_MAX: i32 = 99;

/// Reads what the fast path refused.
pub(super) fn read(bytes: &[u8], unit: Unit) -> NumberOutcome<Scaled> {
    let Ok(text) = std::str::from_utf8(bytes) else { return NumberOutcome::Err(Reason::Type) };
    let text = match text::normalise(TextKind::Free, text) {
        Value::Null => return NumberOutcome::Null,
        Value::Broken => return NumberOutcome::Err(Reason::Type),
        Value::Text(text, _) => text.to_ascii_uppercase(),
    };
    match amount(&text, unit) {
        Some(value) => NumberOutcome::Value { value, fixed: true },
        None => NumberOutcome::Err(Reason::Type),
    }
}

fn amount(text: &str, unit: Unit) -> Option<Scaled> {
    // Accounts write a negative amount in brackets.
    let bracketed = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let mut rest = bracketed.unwrap_or(text).trim();
    for sign in ["人民币", "RMB", "CNY", "¥", "￥"] {
        rest = rest.strip_prefix(sign).map_or(rest, |rest| rest.trim_start_matches([':', ' ']));
    }
    let (negative, after) = match rest.strip_prefix(['-', '−']) {
        Some(after) => (true, after),
        None => (false, rest.strip_prefix('+').unwrap_or(rest)),
    };
    if bracketed.is_some() && negative {
        return None;
    }
    let (number, rest) = number(after.trim_start())?;
    let shift = suffix(rest.trim(), unit)?;
    let digits = if negative || bracketed.is_some() { -number.digits } else { number.digits };
    Some(Scaled { digits, exponent: number.exponent + shift })
}

/// Digits with separators, a fraction and an exponent; and what follows.
fn number(text: &str) -> Option<(Scaled, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
    let (whole, mut rest) = text.split_at(end);
    let mut digits = whole_part(whole)?;
    let (mut exponent, mut seen) = (0_i32, !whole.is_empty());
    if let Some(after) = rest.strip_prefix('.') {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (fraction, after) = after.split_at(end);
        // Zeros at the end say nothing and must not overflow.
        for byte in fraction.trim_end_matches('0').bytes() {
            digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
            exponent -= 1;
        }
        seen |= !fraction.is_empty();
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('E') {
        let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
        let end = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
        let power: i32 = unsigned[..end].parse().ok().filter(|p| *p <= EXPONENT_MAX)?;
        exponent += if after.starts_with('-') { -power } else { power };
        rest = &unsigned[end..];
    }
    seen.then_some((Scaled { digits, exponent }, rest))
}

/// `1,234,567`: separators stand before every three digits or nowhere.
fn whole_part(text: &str) -> Option<i128> {
    let mut digits = 0_i128;
    let grouped = text.contains(',');
    for (index, group) in text.split(',').enumerate() {
        let fits = if index == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
        if grouped && !fits {
            return None;
        }
        for byte in group.bytes() {
            digits = digits.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
        }
    }
    Some(digits)
}

/// The power of ten that the words behind a number stand for, in the unit of the column.
fn suffix(text: &str, unit: Unit) -> Option<i32> {
    if text.is_empty() {
        return Some(0);
    }
    if text == "%" {
        return matches!(unit, Unit::Percent | Unit::Plain).then_some(0);
    }
    const POWERS: [(&str, i32); 8] = [
        ("万亿", 12),
        ("千万", 7),
        ("百万", 6),
        ("十万", 5),
        ("亿", 8),
        ("万", 4),
        ("千", 3),
        ("百", 2),
    ];
    let power = POWERS.iter().find_map(|(word, p)| text.strip_prefix(word).map(|rest| (*p, rest)));
    let (power, rest) = power.unwrap_or((0, text));
    let money = rest.trim_start().trim_end_matches('整').replace(['(', ')'], "");
    let known = ["", "元", "圆", "人民币", "元人民币", "人民币元", "RMB", "CNY", "元RMB", "元CNY"];
    if !known.contains(&money.as_str()) || (power == 0 && money.is_empty()) {
        return None;
    }
    // 人民币 alone says the currency, not whether yuan or ten thousand of them are meant.
    let says_unit = power != 0 || money.contains(['元', '圆']);
    let column = if unit == Unit::WanYuan && says_unit { 4 } else { 0 };
    Some(power - column)
}
