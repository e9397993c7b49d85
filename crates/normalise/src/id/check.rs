//! Check-character arithmetic: ISO 7064 MOD 11-2, MOD 11,10 and MOD 37,36, GB 11714 and
//! Luhn.
//!
//! Callers have tested the character set; a foreign character gives `None`, never a panic.

/// Check character of ISO 7064 MOD 11-2 over 17 digits, with the weights of GB 11643.
pub(crate) fn mod_11_2(digits: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10X98765432";
    let mut sum = 0;
    for (digit, weight) in digits.get(..17)?.iter().zip(WEIGHTS) {
        sum += u32::from(digit.wrapping_sub(b'0')) * weight;
    }
    CHECKS.get(usize::try_from(sum % 11).ok()?).copied()
}

/// Check digit of ISO 7064 MOD 11,10.
pub(crate) fn mod_11_10(digits: impl Iterator<Item = u8>) -> u8 {
    let mut product = 10;
    for digit in digits {
        product = hybrid(product + u32::from(digit.wrapping_sub(b'0') % 10), 10);
    }
    b'0' + u8::try_from((11 - product) % 10).unwrap_or(0)
}

/// Check character of ISO 7064 MOD 37,36 over digits and upper-case letters.
pub(crate) fn mod_37_36<'a>(chars: impl Iterator<Item = &'a u8>) -> Option<u8> {
    const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut product = 36;
    for c in chars {
        product = hybrid(product + base36(*c)?, 36);
    }
    ALPHABET.get(usize::try_from((37 - product) % 36).ok()?).copied()
}

/// A step of the hybrid systems: `sum` modulo `m` with 0 as `m`, doubled, modulo `m + 1`.
///
/// `sum` is at most `2m - 1`, so a subtraction does for each division: these run per character.
fn hybrid(sum: u32, m: u32) -> u32 {
    let sum = if sum > m { sum - m } else { sum };
    let doubled = sum * 2;
    if doubled > m { doubled - (m + 1) } else { doubled }
}

/// Check character of an organisation code (GB 11714-1997) over its first eight characters.
pub(crate) fn org_code(base: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let mut sum = 0;
    for (c, weight) in base.get(..8)?.iter().zip(WEIGHTS) {
        sum += base36(*c)? * weight;
    }
    Some(match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        digit => b'0' + u8::try_from(digit).ok()?,
    })
}

/// Whether the last of some digits is their Luhn check (ISO/IEC 7812-1, annex B).
pub(crate) fn is_luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let weighed = digits.rev().enumerate().map(|(place, digit)| {
        let value = u32::from(digit.wrapping_sub(b'0'));
        match place % 2 {
            0 => value,
            _ if value > 4 => value * 2 - 9,
            _ => value * 2,
        }
    });
    weighed.sum::<u32>() % 10 == 0
}

/// Digits count 0 to 9, letters A = 10 to Z = 35.
fn base36(c: u8) -> Option<u32> {
    match c {
        b'0'..=b'9' => Some(u32::from(c - b'0')),
        b'A'..=b'Z' => Some(u32::from(c - b'A') + 10),
        _ => None,
    }
}
