//! The encoding of a text file, and its text as UTF-8.
//!
//! Rows are parted in the bytes as delivered: no byte of a GB18030 character is a line end, a
//! quote, a comma, a semicolon or a tab (GB 18030-2022: trailing bytes are 0x30-0x39, 0x40-0x7E
//! and 0x80-0xFE). So a bad character spoils its row and no other.

use encoding_rs::{DecoderResult, GB18030};
use memchr::memrchr;

/// Encodings of delivered text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    /// GB 18030, and with it GBK and GB 2312, which it extends.
    Gb18030,
}

impl Encoding {
    pub fn label(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Gb18030 => "gb18030",
        }
    }

    /// Appends bytes as UTF-8; false, and nothing appended, when they are not of this encoding.
    pub(crate) fn append(self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Utf8 => {
                let is_text = std::str::from_utf8(bytes).is_ok();
                if is_text {
                    out.extend_from_slice(bytes);
                }
                is_text
            }
            Self::Gb18030 if bytes.is_ascii() => {
                out.extend_from_slice(bytes);
                true
            }
            Self::Gb18030 => append_gb18030(bytes, out),
        }
    }
}

fn append_gb18030(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let start = out.len();
    let Some(room) = decoder.max_utf8_buffer_length_without_replacement(bytes.len()) else {
        return false;
    };
    out.resize(start + room, 0);
    let (result, _, written) =
        decoder.decode_to_utf8_without_replacement(bytes, &mut out[start..], true);
    let whole = result == DecoderResult::InputEmpty;
    out.truncate(if whole { start + written } else { start });
    whole
}

/// Counts the lines that only one of the encodings explains.
///
/// A text is GB18030 when as many of its lines fail as UTF-8 as pass for Chinese in it: so a few
/// bad bytes do not turn a UTF-8 file into nonsense. Han characters have three bytes in UTF-8; a
/// line with two-byte ones alone says nothing, because 状态 in GB18030 is such a line.
#[derive(Debug, Default)]
pub(crate) struct Vote {
    utf8: u64,
    other: u64,
    open: Vec<u8>,
}

/// Longest line that is judged as a whole; of a longer one each part counts.
const LINE_BYTES_MAX: usize = 1 << 20;

impl Vote {
    pub fn add(&mut self, block: &[u8]) {
        let end = match memrchr(b'\n', block) {
            Some(at) => at + 1,
            None if self.open.len() + block.len() > LINE_BYTES_MAX => block.len(),
            None => return self.open.extend_from_slice(block),
        };
        self.open.extend_from_slice(&block[..end]);
        self.judge();
        self.open.extend_from_slice(&block[end..]);
    }

    pub fn outcome(mut self) -> Encoding {
        self.judge();
        let is_other = self.other > 0 && self.other >= self.utf8;
        if is_other { Encoding::Gb18030 } else { Encoding::Utf8 }
    }

    fn judge(&mut self) {
        for line in self.open.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
            match std::str::from_utf8(line) {
                Ok(_) => self.utf8 += u64::from(line.iter().any(|byte| *byte >= 0xe0)),
                Err(_) => self.other += 1,
            }
        }
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(blocks: &[&[u8]]) -> Encoding {
        let mut vote = Vote::default();
        blocks.iter().for_each(|block| vote.add(block));
        vote.outcome()
    }

    /// Bytes of Python 3.11: '渝中区'.encode('gb18030'), and '㐂' and '😀' of four bytes each.
    const YUZHONG: &[u8] = b"\xd3\xe5\xd6\xd0\xc7\xf8";
    const FOUR_BYTES: &[u8] = b"\x81\x39\xef\x31";
    const EMOJI: &[u8] = b"\x94\x39\xfc\x36";

    #[test]
    fn gb18030_becomes_utf8_and_a_broken_character_nothing() {
        for (bytes, expected) in
            [(YUZHONG, "渝中区"), (FOUR_BYTES, "㐂"), (EMOJI, "😀"), (b"a,1", "a,1")]
        {
            let mut out = b"x".to_vec();
            assert!(Encoding::Gb18030.append(bytes, &mut out));
            assert_eq!(out, format!("x{expected}").as_bytes());
        }
        for broken in [&YUZHONG[..5], b"\xff\x41", &FOUR_BYTES[..3]] {
            let mut out = b"x".to_vec();
            assert!(!Encoding::Gb18030.append(broken, &mut out), "{broken:?}");
            assert_eq!(out, b"x");
        }
    }

    #[test]
    fn most_lines_decide_the_encoding() {
        let utf8 = "渝中区\n".as_bytes();
        let gbk = [YUZHONG, b"\n"].concat();
        assert_eq!(vote(&[b"plain\n", b"ascii"]), Encoding::Utf8);
        assert_eq!(vote(&[utf8]), Encoding::Utf8);
        assert_eq!(vote(&[&gbk]), Encoding::Gb18030);
        assert_eq!(vote(&[&YUZHONG[..3], &YUZHONG[3..]]), Encoding::Gb18030, "no line end");
        assert_eq!(vote(&[utf8, utf8, &gbk]), Encoding::Utf8, "one bad row of three");
        assert_eq!(vote(&[utf8, &gbk, &gbk]), Encoding::Gb18030);
        // 状态 in GB18030 is two characters of two bytes in UTF-8.
        let status = b"\xd7\xb4\xcc\xac\n";
        assert_eq!(vote(&[status, status, &gbk]), Encoding::Gb18030);
        assert_eq!(vote(&["é\n".as_bytes()]), Encoding::Utf8);
    }

    #[test]
    fn a_character_across_two_blocks_is_whole() {
        let text = "渝中区\n重庆市\n".as_bytes();
        let blocks: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(vote(&blocks), Encoding::Utf8);
    }
}
