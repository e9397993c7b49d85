//! Fields of an envelope: where their values lie, if they are there, and how they are read.

use crate::Stop;
use crate::image::Work;
use crate::scan::{Kind, Token};
use huiliu_model::Reason;

/// A field of an envelope; `None` if the record does not have it.
pub(crate) type Field = Option<Token>;

/// Kind of a field that is there and not null.
pub(crate) fn kind(field: Field) -> Option<Kind> {
    field.map(|token| token.kind).filter(|&kind| kind != Kind::Null)
}

/// A reason, with the place of the field it concerns if the record has it.
pub(crate) fn refused(reason: Reason, field: Field) -> Stop {
    Stop::Refused(reason, field.map(|token| token.start))
}

/// Text of a string field.
pub(crate) fn text<'b>(work: &'b mut Work, document: &'b [u8], field: Field) -> Option<&'b [u8]> {
    work.text(document, field?)
}

/// Value of a number field: absent or null is `None`, anything but an `i64` is refused.
pub(crate) fn number(document: &[u8], field: Field) -> Result<Option<i64>, Stop> {
    let value = match (kind(field), field) {
        (Some(Kind::Number), Some(token)) => integer(token.raw(document)),
        (Some(_), _) => None,
        (None, _) => return Ok(None),
    };
    value.map(Some).ok_or(refused(Reason::EnvelopeField, field))
}

/// Integer of a JSON number written without point or exponent, or of a text of digits.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', digits) => (true, digits),
        _ => (false, text),
    };
    if let 1..19 = digits.len() {
        // So many digits cannot overflow, and are checked together.
        let mut others = false;
        let value = digits.iter().fold(0, |value: i64, byte| {
            let digit = byte.wrapping_sub(b'0');
            others |= digit > 9;
            value.wrapping_mul(10).wrapping_add(digit.into())
        });
        return (!others).then_some(if negative { -value } else { value });
    }
    if digits.is_empty() {
        return None;
    }
    // Counted downwards, because the lowest value has no positive counterpart.
    let mut value = 0i64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn integers_are_read_to_both_ends_of_the_range_and_not_beyond() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("123456789", Some(123_456_789)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("1.0", None),
            ("1e3", None),
            ("+1", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }
}
