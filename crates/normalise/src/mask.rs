//! Masking (domain specification, 5.3): what is shown of a value whose original is not kept.
//!
//! A value that has not the form its rule expects is hidden whole: a mask never shows more of a
//! malformed value than of a good one.

use crate::id::division;
use huiliu_model::contract::MaskKind;

/// The masked text.
pub fn mask(kind: MaskKind, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    write_mask(kind, text, &mut out);
    out
}

/// Appends the masked text to `out`.
pub fn write_mask(kind: MaskKind, text: &str, out: &mut String) {
    let length = text.chars().count();
    match kind {
        MaskKind::ResidentId if matches!(length, 15 | 18) => ends(text, 6, length - 10, 4, out),
        MaskKind::Name if length > 0 => ends(text, 1, length - 1, 0, out),
        MaskKind::Phone => phone(text, out),
        MaskKind::BankCard if (12..=19).contains(&length) => ends(text, 6, length - 10, 4, out),
        MaskKind::Address => {
            out.push_str(&text[..county_end(text)]);
            out.push_str("******");
        }
        MaskKind::Email => email(text, out),
        MaskKind::Plate if (7..=8).contains(&length) => ends(text, 3, 3, 1, out),
        MaskKind::Passport if length >= 7 => ends(text, 2, length - 4, 2, out),
        MaskKind::Last4 if length >= 8 => ends(text, 0, length - 4, 4, out),
        MaskKind::BirthDate if crate::date::canonical_days(text.as_bytes()).is_some() => {
            out.push_str(&text[..4]);
        }
        MaskKind::BirthDate => out.push_str("****"),
        _ => stars(length, out),
    }
}

/// A unified social credit code in open data: that of an individual business (92) keeps the first
/// eight and the last four characters, all others are public.
pub fn open_uscc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let length = text.chars().count();
    if !text.starts_with("92") {
        out.push_str(text);
    } else if length == 18 {
        ends(text, 8, 6, 4, &mut out);
    } else {
        stars(length, &mut out);
    }
    out
}

/// The first `front` and the last `back` characters with stars between.
fn ends(text: &str, front: usize, star_count: usize, back: usize, out: &mut String) {
    let length = text.chars().count();
    out.extend(text.chars().take(front));
    stars(star_count, out);
    out.extend(text.chars().skip(length.saturating_sub(back)));
}

fn stars(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n('*', count));
}

/// A mobile keeps 3 + 4 digits, a landline its area code and 4; an extension is dropped.
fn phone(text: &str, out: &mut String) {
    let number = text.split_once('-').map_or(text, |(number, _)| number);
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    let area = match number.as_bytes() {
        [b'1', ..] if number.len() == 11 => 3,
        [b'0', b'1' | b'2', ..] if (10..=11).contains(&number.len()) => 3,
        [b'0', ..] if (11..=12).contains(&number.len()) => 4,
        _ => 0,
    };
    if digits && area > 0 {
        ends(number, area, 4, 4, out);
    } else {
        out.push_str("****");
    }
}

fn email(text: &str, out: &mut String) {
    match text.split_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.contains('@') => {
            out.extend(user.chars().take(1));
            out.push_str("***@");
            out.push_str(domain);
        }
        _ => out.push_str("***"),
    }
}

/// Where the county ends in an address that begins with a province or a county of Chongqing; 0
/// if it does not, for a 区 further behind may belong to a housing estate (小区).
fn county_end(text: &str) -> usize {
    let city = text.strip_prefix("重庆市").or_else(|| text.strip_prefix("重庆"));
    if let Some(rest) = city.or(Some(text)) {
        let start = text.len() - rest.len();
        let names = division::table().county_names();
        let county = names.filter(|name| rest.starts_with(name)).map(str::len).max();
        if let Some(county) = county {
            return start + county;
        }
        if city.is_some() {
            return start;
        }
    }
    elsewhere(text).unwrap_or(0)
}

/// Province, city and county of an address outside Chongqing.
fn elsewhere(text: &str) -> Option<usize> {
    let province = level(text, &["省", "自治区", "市"], 2)?;
    let city = level(&text[province..], &["自治州", "地区", "市", "盟", "州"], 1).unwrap_or(0);
    let county = level(&text[province + city..], &["区", "县", "旗", "市"], 1);
    Some(province + city + county.unwrap_or(0))
}

/// Bytes of a name of at most nine characters that ends in one of `endings`, at the front.
fn level(text: &str, endings: &[&str], shortest: usize) -> Option<usize> {
    let chars = text.char_indices().take(10).skip(shortest);
    chars
        .filter_map(|(at, _)| {
            endings.iter().find(|ending| text[at..].starts_with(**ending)).map(|e| at + e.len())
        })
        .next()
}

#[cfg(test)]
mod tests;
