//! Text normalisation: what happens to a text before any rule looks at it.
//!
//! In order: zero-width characters and controls go, full-width ASCII and ideographic spaces become
//! ASCII, ends are trimmed and runs of spaces collapsed, UTF-8 that was read as GBK is repaired,
//! null tokens become "no value"; names and identifiers get their own treatment on top. Full NFKC
//! is refused: it rewrites names such as ㈱ and ①. Letters that look like digits are never
//! exchanged for them.
//!
//! A text with nothing to do is recognised in one pass and returned borrowed. Normalising a
//! normalised text changes nothing.

mod mojibake;
pub(crate) mod private;

use crate::rule::Flags;
use std::borrow::Cow;
use wide::u8x16;

/// What a text is, which decides how far it may be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Running text.
    Free,
    /// Free text whose leading city name is not repeated.
    Address,
    /// A person's name: no spaces between Han characters, one kind of middle dot, and only
    /// tokens that are no possible name count as null.
    PersonName,
    /// An organisation's name: brackets are full-width beside Han characters.
    OrgName,
    /// A person's or an organisation's name.
    Name,
}

impl TextKind {
    fn is_name(self) -> bool {
        matches!(self, Self::PersonName | Self::OrgName | Self::Name)
    }

    fn has_brackets(self) -> bool {
        matches!(self, Self::OrgName | Self::Name)
    }

    fn has_dots(self) -> bool {
        matches!(self, Self::PersonName | Self::Name)
    }
}

/// A normalised text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    Text(Cow<'a, str>, Flags),
    /// Empty or a null token.
    Null,
    /// Holds U+FFFD: bytes were lost before the text reached us (D06).
    Broken,
}

/// Normalises `text` as a text of `kind`.
pub fn normalise(kind: TextKind, text: &str) -> Value<'_> {
    if is_clean(kind, text) {
        return Value::Text(Cow::Borrowed(text), Flags::default());
    }
    let (clean, mut flags) = repaired(text);
    if clean.contains('\u{fffd}') {
        return Value::Broken;
    }
    let done = match kind {
        TextKind::Free => clean,
        TextKind::Address => address(clean),
        TextKind::PersonName | TextKind::OrgName | TextKind::Name => {
            flags |= Flags::MISSING_GLYPH.when(clean.contains(is_glyph_gap));
            flags |= Flags::MASKED.when(clean.contains('*'));
            name(kind, &clean)
        }
    };
    if is_null(kind, &done) {
        return Value::Null;
    }
    // A rare character alone leads here too; its cell is still borrowed.
    let same = done == text;
    Value::Text(if same { Cow::Borrowed(text) } else { Cow::Owned(done) }, flags)
}

/// Whether a trimmed cell says "no value" (any text but a name).
pub fn is_null_token(text: &str) -> bool {
    text.len() <= NULL_BYTES_MAX
        && (is_latin_null(text)
            || matches!(text, "无" | "空" | "暂无" | "不详" | "未知" | "未填" | "待补充"))
}

/// Key under which organisation names are compared: full-width brackets become ASCII ones.
pub fn match_key(name: &str) -> Cow<'_, str> {
    if name.contains(['（', '）']) {
        Cow::Owned(name.replace('（', "(").replace('）', ")"))
    } else {
        Cow::Borrowed(name)
    }
}

/// An identifier without spaces, leading apostrophes and lower-case letters; `None` if nothing is
/// left or the cell is a null token. Hyphens go too, unless they are part of the identifier
/// (`keep_hyphens`): then all dashes become `-`.
pub(crate) fn identifier(text: &str, keep_hyphens: bool) -> Option<Cow<'_, str>> {
    let plain = |c: u8| matches!(c, b'!'..=b'~') && !c.is_ascii_lowercase() && c != b'\'';
    let bare = |c: u8| plain(c) && c != b'`' && (keep_hyphens || c != b'-');
    if text.bytes().all(bare) {
        return (!is_null_token(text)).then_some(Cow::Borrowed(text));
    }
    let clean = scrub(text);
    if is_null_token(&clean) {
        return None;
    }
    let mut out = String::with_capacity(clean.len());
    for c in clean.chars() {
        match c {
            ' ' => {}
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' if keep_hyphens => out.push('-'),
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {}
            '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{b4}' if out.is_empty() => {}
            c => out.push(c.to_ascii_uppercase()),
        }
    }
    (!is_null_token(&out)).then_some(Cow::Owned(out))
}

/// Steps 2 to 4: removes, folds to ASCII, trims and collapses.
pub(crate) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            '\t' | '\n' | '\r' | '\u{a0}' | '\u{3000}' => ' ',
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => continue,
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => continue,
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            c => c,
        };
        if c != ' ' || !(out.is_empty() || out.ends_with(' ')) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// A Han character (unified ideographs with extensions A to H, compatibility forms, 〇).
pub(crate) fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}' | '〇')
}

/// Whether a text is longer than every Latin null token and made of characters that stay as they
/// are in a text of any kind. Most cells are codes and numbers, which this tells at once.
fn is_bare(text: &str) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            bytes.as_chunks().0.iter().all(are_bare) && are_bare(first) && are_bare(last)
        }
        // From eight bytes on two halves that overlap are all of it.
        _ => match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                let both: [u8; 16] =
                    std::array::from_fn(|at| if at < 8 { first[at] } else { last[at - 8] });
                are_bare(&both)
            }
            _ => false,
        },
    }
}

/// `!` to `~` without `.`, `?`, `(`, `)` and `*`.
#[inline]
fn are_bare(bytes: &[u8; 16]) -> bool {
    let bytes = u8x16::new(*bytes);
    let within = |first: u8, last: u8| {
        let above = bytes - u8x16::splat(first);
        above.min(u8x16::splat(last - first)).cmp_eq(above)
    };
    let marks =
        within(b'(', b'*') | bytes.cmp_eq(u8x16::splat(b'.')) | bytes.cmp_eq(u8x16::splat(b'?'));
    (within(b'!', b'~') & !marks).move_mask() == 0xFFFF
}

/// One pass that proves there is nothing to do.
pub(crate) fn is_clean(kind: TextKind, text: &str) -> bool {
    if is_bare(text) {
        return true;
    }
    let common = mojibake::common();
    let (mut half, mut full) = (false, false);
    let begun = common.prefix_bytes(text);
    let (mut after_space, mut han) = (begun == 0, begun > 0);
    for c in text[begun..].chars() {
        if common.contains(c) {
            (han, after_space) = (true, false);
            continue;
        }
        match c {
            ' ' if after_space || kind.is_name() => return false,
            '.' if kind.has_dots() => return false,
            '*' | '?' if kind.is_name() => return false,
            '(' | ')' => half = true,
            ' '..='~' => {}
            // A character outside the common ones may be a sign of mojibake.
            '\u{4e00}'..='\u{9fff}' | '\u{fffd}' => return false,
            '（' | '）' if kind.has_brackets() => full = true,
            '\0'..='\u{a0}' | '\u{3000}' | '\u{ff01}'..='\u{ff5e}' => return false,
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => return false,
            c if kind.is_name() && (is_dot(c) && c != '·' || is_glyph_gap(c)) => return false,
            c => han |= is_han(c),
        }
        after_space = c == ' ';
    }
    let brackets_stay = !kind.has_brackets() || if han { !half } else { !full };
    let repeats_city = kind == TextKind::Address && text.starts_with(CITY_TWICE);
    !after_space && brackets_stay && !repeats_city && !is_null(kind, text)
}

/// Scrubbed text; repaired first if it is UTF-8 that was read as GBK, even more than once.
///
/// The repair looks at the text before full-width letters are folded: `ｄ` may be half of a
/// broken character.
fn repaired(text: &str) -> (String, Flags) {
    let mut flags = Flags::default();
    let mut current = Cow::Borrowed(text);
    loop {
        let clean = scrub(&current);
        match mojibake::repair(current.trim()).or_else(|| mojibake::repair(&clean)) {
            // Each repair is shorter, so this ends.
            Some(better) => current = Cow::Owned(better),
            None => return (clean, flags),
        }
        flags = Flags::MOJIBAKE;
    }
}

const CITY_TWICE: &str = "重庆市重庆市";

fn address(mut text: String) -> String {
    while text.starts_with(CITY_TWICE) {
        text.drain(..CITY_TWICE.len() / 2);
    }
    text
}

/// Spaces between Han characters go, dots become U+00B7, brackets full-width (see [`TextKind`]).
fn name(kind: TextKind, text: &str) -> String {
    let spaced = text.chars().all(|c| is_han(c) || c == ' ' || is_dot(c));
    let chars: Vec<char> = text.chars().filter(|c| !(spaced && *c == ' ')).collect();
    let wide = kind.has_brackets() && chars.iter().copied().any(is_han);
    let han_at = |i: Option<usize>| i.and_then(|i| chars.get(i)).is_some_and(|c| is_han(*c));
    let fold = |(i, c): (usize, &char)| match c {
        '(' if wide => '（',
        ')' if wide => '）',
        '.' if kind.has_dots() && han_at(i.checked_sub(1)) && han_at(Some(i + 1)) => '·',
        '.' => '.',
        c if kind.has_dots() && is_dot(*c) => '·',
        c => *c,
    };
    chars.iter().enumerate().map(fold).collect()
}

/// Dots that stand between the parts of a name.
fn is_dot(c: char) -> bool {
    matches!(c, '.' | '·' | '・' | '･' | '•' | '‧' | '∙')
}

/// What prints in place of a character that a font or an encoding did not have.
fn is_glyph_gap(c: char) -> bool {
    matches!(c, '□' | '〓' | '?' | '\u{e000}'..='\u{f8ff}')
}

/// A person may be called 无 or 空: for names only tokens that are no name are null.
fn is_null(kind: TextKind, text: &str) -> bool {
    if kind.is_name() {
        is_latin_null(text) || matches!(text, "不详" | "未知")
    } else {
        is_null_token(text)
    }
}

/// Length of `(null)`.
const LATIN_NULL_BYTES_MAX: usize = 6;
/// Length of 待补充.
const NULL_BYTES_MAX: usize = 9;

fn is_latin_null(text: &str) -> bool {
    const WORDS: [&str; 6] = ["null", "(null)", "\\n", "n/a", "na", "none"];
    text.len() <= LATIN_NULL_BYTES_MAX
        && (matches!(text, "" | "/" | "-" | "--" | "—" | "." | "*" | "***")
            || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests;
