//! Repair of UTF-8 that was read as GBK (D05): `閲嶅簡甯傛笣鍖楀尯` is `重庆市渝北区`.
//!
//! A text is repaired only if encoding it as GBK gives valid UTF-8 that is shorter and consists of
//! Han characters of GB 2312, ASCII and common punctuation, and if it holds a character outside
//! the common ones. Common are the 3,755 characters of GB 2312 level 1 (rows 16 to 55), which
//! stand in for the list of 3,500 common characters: nearly the same set, and known to
//! `encoding_rs` without a table of our own. Half characters (U+FFFD) cannot be repaired.

use encoding_rs::GBK;
use std::sync::OnceLock;

/// A set of Han characters of the basic block.
pub(super) struct HanSet([u64; BLOCK.div_ceil(64)]);

/// Length of U+4E00 to U+9FFF.
const BLOCK: usize = 0x5200;

impl HanSet {
    /// Characters of the GB 2312 rows whose first bytes are given.
    fn of_rows(first: std::ops::RangeInclusive<u8>) -> Self {
        let mut set = Self([0; BLOCK.div_ceil(64)]);
        for row in first {
            for cell in 0xa1..=0xfe {
                let bytes = [row, cell];
                let (text, _) = GBK.decode_without_bom_handling(&bytes);
                if let Some(index) = text.chars().next().and_then(index) {
                    set.0[index / 64] |= 1 << (index % 64);
                }
            }
        }
        set
    }

    #[inline]
    pub fn contains(&self, c: char) -> bool {
        self.has(c.into())
    }

    #[inline]
    fn has(&self, scalar: u32) -> bool {
        let index = scalar.wrapping_sub(0x4e00);
        self.0.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Bytes of the characters of the set that a text begins with.
    #[inline]
    pub fn prefix_bytes(&self, text: &str) -> usize {
        let mut rest = text.as_bytes();
        // All of the block are three bytes, which are taken without asking for other lengths.
        while let [first @ 0xe4..=0xe9, second, third, behind @ ..] = rest {
            let bits = |byte: &u8, mask: u8| u32::from(byte & mask);
            let scalar = bits(first, 0x0f) << 12 | bits(second, 0x3f) << 6 | bits(third, 0x3f);
            if !self.has(scalar) {
                break;
            }
            rest = behind;
        }
        text.len() - rest.len()
    }
}

fn index(c: char) -> Option<usize> {
    usize::try_from(u32::from(c)).ok()?.checked_sub(0x4e00).filter(|index| *index < BLOCK)
}

/// The common characters (GB 2312 level 1).
pub(super) fn common() -> &'static HanSet {
    static COMMON: OnceLock<HanSet> = OnceLock::new();
    COMMON.get_or_init(|| HanSet::of_rows(0xb0..=0xd7))
}

/// Both levels of GB 2312: what a repaired text may consist of.
fn gb2312() -> &'static HanSet {
    static BOTH: OnceLock<HanSet> = OnceLock::new();
    BOTH.get_or_init(|| HanSet::of_rows(0xb0..=0xf7))
}

/// The text as it was meant, if `text` is UTF-8 that was read as GBK.
pub(super) fn repair(text: &str) -> Option<String> {
    let common = common();
    let uncommon = |c| matches!(c, '\u{4e00}'..='\u{9fff}') && !common.contains(c);
    if !text.contains(uncommon) || text.contains('\u{fffd}') {
        return None;
    }
    let (bytes, _, unmappable) = GBK.encode(text);
    if unmappable {
        return None;
    }
    let meant = std::str::from_utf8(&bytes).ok()?;
    let known = gb2312();
    let fits = |c: char| {
        matches!(c, ' '..='~' | '\u{3000}'..='\u{3011}' | '\u{ff01}'..='\u{ff5e}')
            || matches!(c, '·' | '—' | '‘'..='”' | '…' | '￥')
            || known.contains(c)
    };
    let shorter = meant.chars().count() < text.chars().count();
    (shorter && meant.chars().all(fits) && meant.contains(|c| known.contains(c)))
        .then(|| meant.to_owned())
}
