//! What Debezium sends for a value that the source's log does not hold (an unchanged TOAST column).

/// The default of its `unavailable.value.placeholder`, for text columns; the same bytes in
/// hexadecimal or Base64, for binary columns; and as the only element, for arrays of text.
const PLACEHOLDERS: [&[u8]; 4] = [
    b"__debezium_unavailable_value",
    b"5f5f646562657a69756d5f756e617661696c61626c655f76616c7565",
    b"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==",
    b"[\"__debezium_unavailable_value\"]",
];

/// Whether a value of so many bytes may be one of [`PLACEHOLDERS`]; nearly always it may not.
#[inline(always)]
pub(crate) fn may_be_placeholder(length: usize) -> bool {
    const LENGTHS: u64 = {
        let (mut lengths, mut at) = (0, 0);
        while at < PLACEHOLDERS.len() {
            lengths |= 1 << PLACEHOLDERS[at].len();
            at += 1;
        }
        lengths
    };
    length < 64 && LENGTHS >> length & 1 == 1
}

/// Whether a value is one of [`PLACEHOLDERS`].
#[inline]
pub(crate) fn is_placeholder(raw: &[u8]) -> bool {
    may_be_placeholder(raw.len())
        && matches!(raw.first(), Some(b'_' | b'5' | b'X' | b'['))
        && PLACEHOLDERS.contains(&raw)
}
