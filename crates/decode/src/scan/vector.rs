//! Thirty-two bytes at a time: one bit for each that ends a text or a number.
//!
//! Most texts and numbers of a record are shorter, so they are passed without a loop, and there is
//! no branch whose way depends on their length. Two registers of sixteen bytes are what every
//! x86-64 and every arm64 has; crate `wide` is a safe way to them.

use super::Kind;
use std::ops::Range;
use wide::u8x16;

/// Bytes looked at together.
pub(super) const BYTES: usize = 32;

/// Marks quotes, backslashes and control characters below U+0020, the first byte lowest.
#[inline(always)]
pub(super) fn text_ends(chunk: &[u8; BYTES]) -> u32 {
    marks(chunk, |bytes| {
        // With its second bit turned a quote (0x22) is 0x20, and the control characters are still
        // those below.
        let turned = bytes ^ u8x16::splat(2);
        let is_end = turned.min(u8x16::splat(0x20)).cmp_eq(turned);
        is_end | bytes.cmp_eq(u8x16::splat(b'\\'))
    })
}

/// Marks what is no digit, the first byte lowest.
#[inline(always)]
pub(super) fn non_digits(chunk: &[u8; BYTES]) -> u32 {
    let digits = marks(chunk, |bytes| {
        let value = bytes - u8x16::splat(b'0');
        value.min(u8x16::splat(9)).cmp_eq(value)
    });
    !digits
}

#[inline(always)]
pub(super) fn marks(chunk: &[u8; BYTES], of: impl Fn(u8x16) -> u8x16) -> u32 {
    let low = u8x16::new(chunk.first_chunk().copied().unwrap_or_default());
    let high = u8x16::new(chunk.last_chunk().copied().unwrap_or_default());
    let bits = |bytes: u8x16| bytes.move_mask().cast_unsigned();
    bits(of(low)) | bits(of(high)) << 16
}

/// The first bytes of a text that is looked for.
#[derive(Debug, Clone)]
pub(super) struct Head {
    bytes: u8x16,
    /// The bits of them that count: the text may be shorter.
    mask: u8x16,
}

impl Head {
    pub const BYTES: usize = 16;

    pub fn new(text: &[u8]) -> Self {
        let (mut bytes, mut mask) = ([0; Self::BYTES], [0; Self::BYTES]);
        for ((byte, mask), of) in bytes.iter_mut().zip(&mut mask).zip(text) {
            (*byte, *mask) = (*of, 0xFF);
        }
        Self { bytes: u8x16::new(bytes), mask: u8x16::new(mask) }
    }

    #[inline(always)]
    pub fn begins(&self, chunk: &[u8; Self::BYTES]) -> bool {
        let same = (u8x16::new(*chunk) & self.mask).cmp_eq(self.bytes);
        same.move_mask() == 0xFFFF
    }
}

/// Bytes of a name, of a value and of what follows it.
pub(super) const WINDOW: usize = 96;

/// The kind and the place of the value of a field with a short name, by its text and the length of
/// it. See [`super::Cursor::take_field`].
#[inline(always)]
pub(super) fn field(
    window: &[u8; WINDOW],
    name: &Head,
    name_bytes: usize,
) -> Option<(Kind, Range<usize>)> {
    if name_bytes > Head::BYTES || !name.begins(window.first_chunk()?) {
        return None;
    }
    let start = name_bytes;
    let first = *window.get(start)?;
    // Texts are asked for first, and nothing else is in the way of theirs.
    if first == b'"' {
        let start = start + 1;
        let mut end = start + text_ends(chunk(window, start)?).trailing_zeros() as usize;
        if end == start + BYTES {
            end += text_ends(chunk(window, end)?).trailing_zeros() as usize;
        }
        return (chunk(window, end)? == b"\",\"").then_some((Kind::Text, start..end));
    }
    let (kind, value) = match first {
        b'-' | b'0'..=b'9' => {
            let end = number_end(chunk(window, start)?)?;
            (Kind::Number, start..start + end)
        }
        b'n' if chunk(window, start)? == b"null" => (Kind::Null, start..start + 4),
        b't' if chunk(window, start)? == b"true" => (Kind::True, start..start + 4),
        b'f' if chunk(window, start + 1)? == b"alse" => (Kind::False, start..start + 5),
        _ => return None,
    };
    (chunk(window, value.end)? == b",\"").then_some((kind, value))
}

#[inline(always)]
fn chunk<const N: usize>(window: &[u8; WINDOW], at: usize) -> Option<&[u8; N]> {
    window.get(at..)?.first_chunk()
}

/// Where a number ends, if it has no exponent and its end is near. `None` says nothing: the number
/// is to be read.
#[inline(always)]
pub(super) fn number_end(chunk: &[u8; BYTES]) -> Option<usize> {
    let minus = usize::from(chunk[0] == b'-');
    // A bit that would be shifted in from above could be taken for a digit.
    let others = non_digits(chunk) >> minus | 1 << (BYTES - 1);
    let whole = others.trailing_zeros() as usize;
    let leading_zero = chunk.get(minus) == Some(&b'0') && whole > 1;
    if whole == 0 || leading_zero {
        return None;
    }
    let end = match chunk.get(minus + whole)? {
        b'.' => {
            let fraction = (others & (others - 1)).trailing_zeros() as usize;
            if fraction <= whole + 1 {
                return None;
            }
            minus + fraction
        }
        _ => minus + whole,
    };
    match chunk.get(end)? {
        b'.' | b'e' | b'E' | b'0'..=b'9' => None,
        _ => Some(end),
    }
}
