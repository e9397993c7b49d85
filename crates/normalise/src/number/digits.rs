//! Numbers of at most sixteen bytes, eight digits together.
//!
//! The lengths of numbers differ from row to row, so a loop over digits ends where the processor
//! does not expect it, and that costs more than all of the arithmetic here.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH_BITS: u64 = ONES << 7;
const BYTES: usize = 8;
const POWERS: [u64; BYTES + 1] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The digits without the point, and how many of them stand behind it. `None` says nothing: there
/// are more than sixteen bytes, a long part before or behind the point, or no number.
#[inline(always)]
pub(super) fn read(number: &[u8]) -> Option<(u64, usize)> {
    let count = number.len();
    let (first, last) = ends(number)?;
    let point = place_of_point(first);
    if point == BYTES {
        let (upper, lower) = match count.checked_sub(BYTES) {
            None | Some(0) => (0, value_of(last, count)?),
            Some(behind) => {
                (value_of(first, BYTES)? * POWERS.get(behind)?, value_of(last, behind)?)
            }
        };
        return Some((upper + lower, 0));
    }
    let places = count - point - 1;
    let whole = first.checked_shl(8 * u32::try_from(BYTES - point).ok()?)?;
    let value = value_of(whole, point)? * POWERS.get(places)? + value_of(last, places)?;
    (places > 0).then_some((value, places))
}

/// The first eight bytes, followed by zeros, and the last eight, behind zeros; of one to sixteen.
#[inline(always)]
fn ends(bytes: &[u8]) -> Option<(u64, u64)> {
    let count = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let ends = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        return (count <= 2 * BYTES).then_some(ends);
    }
    let word = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last)) << (8 * (count - 4));
        u64::from(u32::from_le_bytes(*first)) | last
    } else {
        let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or_default()) << (8 * at);
        byte(0) | byte(1) | byte(2)
    };
    (count > 0).then(|| (word, word << (8 * (BYTES - count))))
}

/// Place of the first point; eight if there is none.
#[inline(always)]
fn place_of_point(word: u64) -> usize {
    let turned = word ^ (ONES * u64::from(b'.'));
    // The lowest mark is always true.
    let zeros = turned.wrapping_sub(ONES) & !turned & HIGH_BITS;
    zeros.trailing_zeros() as usize / 8
}

/// The number of the last so many bytes, one to eight, if all of them are digits.
#[inline(always)]
fn value_of(word: u64, count: usize) -> Option<u64> {
    let before = 8 * u32::try_from(BYTES.checked_sub(count)?).ok()?;
    // Zeros lead where there is no digit.
    let kept = u64::MAX.checked_shl(before)?;
    let values = (word ^ (ONES * u64::from(b'0'))) & kept;
    // What is above 9 shows in bit 7 with 0x76 added.
    let others = ((values & !HIGH_BITS) + ONES * 0x76 | values) & HIGH_BITS;
    (others == 0).then(|| eight(values))
}

/// The number of eight digits, the first of them lowest: pairs, then fours, then all.
#[inline(always)]
fn eight(values: u64) -> u64 {
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::number::one_by_one;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_every_length_and_place_of_the_point_are_read() {
        let digits = "9876543210123456";
        for length in 1..=16 {
            let whole = &digits[..length];
            assert_eq!(read(whole.as_bytes()), Some((whole.parse().unwrap(), 0)), "{whole}");
            for point in 1..length.saturating_sub(1).min(8) {
                let number = format!("{}.{}", &whole[..point], &whole[point..length - 1]);
                let expected = (whole[..length - 1].parse().unwrap(), length - 1 - point);
                let is_short = expected.1 <= 8;
                assert_eq!(read(number.as_bytes()), is_short.then_some(expected), "{number}");
            }
        }
    }

    #[test]
    fn what_is_no_plain_number_is_not_read() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1.2.3",
            "1..2",
            "1e3",
            "+1",
            "-1",
            " 1",
            "1 ",
            "１",
            "1/2",
            "1:2",
            "12345678/",
            "\u{80}1",
            "12345678901234\u{b9}",
            "123456789.5",
            "12345678901234567",
        ] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn digits_together_are_read_as_one_by_one(text in "[-0-9./:eE \u{b9}]{0,17}") {
            let read = read(text.as_bytes());
            prop_assert!(read.is_none() || read == one_by_one(text.as_bytes()), "{:?}", read);
        }
    }
}
