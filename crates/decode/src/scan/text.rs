//! Strings: where they end, which escapes they may hold, and what the escapes mean.

use super::{Fault, vector};
use memchr::memchr;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = ONES << 7;

/// Position of the first byte at or after `from` that ends plain text: a quote, a backslash or a
/// control character below U+0020; the length of `bytes` if there is none.
#[inline(always)]
pub(super) fn plain_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    match rest.first_chunk().map(vector::text_ends) {
        Some(ends) if ends != 0 => from + ends.trailing_zeros() as usize,
        Some(_) => plain_end_of_long(bytes, from + vector::BYTES),
        None => plain_end_of_tail(bytes, from),
    }
}

#[inline(never)]
fn plain_end_of_long(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let ends = vector::text_ends(chunk);
        if ends != 0 {
            return at + ends.trailing_zeros() as usize;
        }
        at += vector::BYTES;
    }
    plain_end_of_tail(bytes, at)
}

/// The same near the end of the bytes, eight at a time within a register.
#[inline(never)]
fn plain_end_of_tail(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let hits = stops(u64::from_le_bytes(*word));
        if hits != 0 {
            return from + 8 * number + hits.trailing_zeros() as usize / 8;
        }
    }
    let stop = tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    stop.map_or(bytes.len(), |at| bytes.len() - tail.len() + at)
}

/// Marks the stopping bytes of a word in their high bits. Marks above the lowest one may be
/// false (a subtraction borrows from its upper neighbour); the lowest never is.
#[inline]
fn stops(word: u64) -> u64 {
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    // With its second bit turned a quote (0x22) is 0x20, and the control characters are still
    // those below.
    let quote_or_control = below(word ^ (ONES * 2), 0x21);
    (quote_or_control | below(word ^ (ONES * 0x5C), 1)) & HIGH_BITS
}

/// Position of the first byte at or after `from` that is no digit.
#[inline]
pub(super) fn digits_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let (words, tail) = rest.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        // A digit without its high half is below 10; adding 0x76 shows the others in bit 7.
        let halves = u64::from_le_bytes(*word) ^ (ONES * 0x30);
        let others = ((halves & !HIGH_BITS) + ONES * 0x76 | halves) & HIGH_BITS;
        if others != 0 {
            return from + 8 * number + others.trailing_zeros() as usize / 8;
        }
    }
    let stop = tail.iter().position(|byte| !byte.is_ascii_digit());
    stop.map_or(bytes.len(), |at| bytes.len() - tail.len() + at)
}

/// Moves past the escape at `at`, a backslash. Half of a surrogate pair alone is a fault.
pub(super) fn pass_escape(bytes: &[u8], at: &mut usize) -> Result<(), Fault> {
    *at += 1;
    match bytes.get(*at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
            *at += 1;
            return Ok(());
        }
        Some(b'u') => *at += 1,
        Some(_) => return Err(Fault::Unexpected),
        None => return Err(Fault::Truncated),
    }
    match pass_hex4(bytes, at)? {
        0xD800..0xDC00 => {
            for wanted in *b"\\u" {
                match bytes.get(*at) {
                    Some(&byte) if byte == wanted => *at += 1,
                    Some(_) => return Err(Fault::Unexpected),
                    None => return Err(Fault::Truncated),
                }
            }
            match pass_hex4(bytes, at)? {
                0xDC00..0xE000 => Ok(()),
                _ => refuse_last_hex4(at),
            }
        }
        0xDC00..0xE000 => refuse_last_hex4(at),
        _ => Ok(()),
    }
}

fn refuse_last_hex4(at: &mut usize) -> Result<(), Fault> {
    *at -= 4;
    Err(Fault::Unexpected)
}

fn pass_hex4(bytes: &[u8], at: &mut usize) -> Result<u32, Fault> {
    let mut unit = 0;
    for _ in 0..4 {
        match bytes.get(*at) {
            Some(byte) => {
                unit = unit << 4 | hex(*byte).ok_or(Fault::Unexpected)?;
                *at += 1;
            }
            None => return Err(Fault::Truncated),
        }
    }
    Ok(unit)
}

fn hex(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// Appends the text of a string whose escapes a cursor has checked. The text is never longer
/// than what it is read from.
pub fn unescape(raw: &[u8], into: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(backslash) = memchr(b'\\', rest) {
        into.extend_from_slice(rest.get(..backslash).unwrap_or_default());
        let escape = rest.get(backslash..).unwrap_or_default();
        let length = resolve(escape, into);
        rest = escape.get(length..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

/// Appends the meaning of the escape that `escape` begins with; returns its length.
fn resolve(escape: &[u8], into: &mut Vec<u8>) -> usize {
    let byte = match escape.get(1) {
        Some(b'b') => 0x08,
        Some(b't') => b'\t',
        Some(b'n') => b'\n',
        Some(b'f') => 0x0C,
        Some(b'r') => b'\r',
        Some(b'u') => return resolve_unicode(escape, into),
        Some(&quoted) => quoted,
        None => return escape.len(),
    };
    into.push(byte);
    2
}

fn resolve_unicode(escape: &[u8], into: &mut Vec<u8>) -> usize {
    let unit = |at: usize| pass_hex4(escape, &mut { at }).unwrap_or(0xFFFD);
    let (scalar, length) = match unit(2) {
        high @ 0xD800..0xDC00 => {
            let low = unit(8).wrapping_sub(0xDC00) & 0x3FF;
            (0x10000 + ((high - 0xD800) << 10) + low, 12)
        }
        unit => (unit, 6),
    };
    let character = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    length
}
