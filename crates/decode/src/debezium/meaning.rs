//! What a Debezium envelope means, whatever it is written in.
//!
//! The walk over the bytes is elsewhere: here an envelope is already an `op`, a position in the
//! log of the source, times, and images in [`Work`]. What each of them means is decided in this
//! module alone, so that JSON and binary envelopes of one connector give the same rows.
//!
//! Of `before` only the key columns are taken: with PostgreSQL's default replica identity the
//! rest is null or invented.

use crate::field::integer;
use crate::image::{Side, Work};
use crate::{Found, Head};
use huiliu_model::{Op, Reason};

/// What an `op` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Row(Op),
    /// A message in the log that is about no row.
    Message,
    /// The table was emptied.
    Truncate,
}

/// Reads an `op`; an absent one is unknown.
///
/// # Errors
/// `OpUnknown`.
pub(crate) fn act(op: Option<&[u8]>) -> Result<Act, Reason> {
    match op {
        Some(b"c") => Ok(Act::Row(Op::Create)),
        Some(b"u") => Ok(Act::Row(Op::Update)),
        Some(b"d") => Ok(Act::Row(Op::Delete)),
        Some(b"r") => Ok(Act::Row(Op::Read)),
        Some(b"m") => Ok(Act::Message),
        Some(b"t") => Ok(Act::Truncate),
        _ => Err(Reason::OpUnknown),
    }
}

/// The image that a change cannot do without.
pub(crate) fn needed(op: Op) -> Side {
    if op == Op::Delete { Side::Before } else { Side::After }
}

/// The row or rows of a change whose needed image has been read.
///
/// An update whose image before names another key is a delete of that key and a create.
pub(crate) fn rows(work: &mut Work, head: Head, has_before: bool) -> Found {
    if head.op == Op::Delete {
        work.keep_key_only(Side::Before);
        return Found::Row(head, Side::Before);
    }
    if head.op == Op::Update && has_before && work.key_moved() {
        work.keep_key_only(Side::Before);
        return Found::Moved(head);
    }
    Found::Row(head, Side::After)
}

/// Where in the log of its source a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position<'a> {
    /// PostgreSQL, SQL Server by number.
    Lsn(i64),
    /// PostgreSQL's `sequence`, where `lsn` is null: a text of an array, the position of the last
    /// commit and that of the change.
    Sequence(&'a [u8]),
    /// MySQL and MariaDB: file of the binary log, position in it, row of the event.
    Binlog {
        file: &'a [u8],
        pos: i64,
        row: i64,
    },
    /// Oracle.
    Scn(i64),
    None,
}

impl Position<'_> {
    /// The sequence of a change.
    ///
    /// A binary log gives `file << 40 | pos << 8 | min(row, 255)`: positions have 32 bits, the
    /// file number 23. Rows of one log event beyond the 255th are told apart by their Kafka
    /// offsets, as are changes of one `scn`. A snapshot read without a position is older than
    /// every change: its sequence is 0, and among several the Kafka offset decides.
    ///
    /// # Errors
    /// `SequenceMissing` without a position, `EnvelopeField` for one that is none.
    pub fn sequence(self, op: Op) -> Result<i64, Reason> {
        match self {
            Self::Lsn(number) | Self::Scn(number) => Ok(number),
            Self::Sequence(text) => last_number(text).ok_or(Reason::EnvelopeField),
            Self::Binlog { file, pos, row } => {
                let file = file.rsplit(|&byte| byte == b'.').next().and_then(integer);
                match file {
                    Some(file @ 0..0x80_0000) if (0..1 << 32).contains(&pos) && row >= 0 => {
                        Ok(file << 40 | pos << 8 | row.min(255))
                    }
                    _ => Err(Reason::EnvelopeField),
                }
            }
            Self::None if op == Op::Read => Ok(0),
            Self::None => Err(Reason::SequenceMissing),
        }
    }
}

/// The last element of `["24023119","24023128"]` that is a number.
fn last_number(text: &[u8]) -> Option<i64> {
    let body = text.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    let plain = |part: &[u8]| {
        let part = part.trim_ascii();
        let unquoted = part.strip_prefix(b"\"").and_then(|part| part.strip_suffix(b"\""));
        integer(unquoted.unwrap_or(part))
    };
    body.rsplit(|&byte| byte == b',').find_map(plain)
}

/// Microseconds of a time that a source gives in microseconds, in milliseconds or not at all.
///
/// # Errors
/// `EnvelopeField` for milliseconds that are no instant.
pub(crate) fn event_time(micros: Option<i64>, millis: Option<i64>) -> Result<Option<i64>, Reason> {
    match (micros, millis) {
        (Some(micros), _) => Ok(Some(micros)),
        (None, None) => Ok(None),
        (None, Some(millis)) => millis.checked_mul(1000).map(Some).ok_or(Reason::EnvelopeField),
    }
}

/// What a record without an `op` shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// A field `before` or `after`, null or not.
    pub has_image: bool,
    pub has_source: bool,
    /// A time of the connector.
    pub has_time: bool,
    /// An `id`, null or not.
    pub has_id: bool,
    /// Fields that Debezium's envelope does not have.
    pub has_strangers: bool,
    /// `status` is `BEGIN` or `END`, and `id` a text.
    pub is_marker: bool,
}

impl Shape {
    /// Whether the record is about the stream and not about a row: a heartbeat has only times, a
    /// schema change a `source` and a time, a transaction marker a `status` and an `id`.
    ///
    /// The test is narrow on purpose: a row that merely lacks its `op` must not be passed over.
    pub fn is_control(self) -> bool {
        let about_stream = self.has_source || !self.has_strangers && !self.has_id;
        !self.has_image && (self.has_time && about_stream || self.is_marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_text_gives_its_last_number() {
        for (text, expected) in [
            (r#"["24023119","24023128"]"#, Ok(24_023_128)),
            (r#"[null,"24023128"]"#, Ok(24_023_128)),
            (r#"[ "24023119" , null ]"#, Ok(24_023_119)),
            ("[5,6]", Ok(6)),
            ("[null,null]", Err(Reason::EnvelopeField)),
            ("", Err(Reason::EnvelopeField)),
            (r#"["0/16B3748"]"#, Err(Reason::EnvelopeField)),
        ] {
            let position = Position::Sequence(text.as_bytes());
            assert_eq!(position.sequence(Op::Update), expected, "{text}");
        }
    }

    #[test]
    fn only_a_snapshot_read_does_without_a_position() {
        assert_eq!(Position::None.sequence(Op::Read), Ok(0));
        for op in [Op::Create, Op::Update, Op::Delete] {
            assert_eq!(Position::None.sequence(op), Err(Reason::SequenceMissing));
        }
    }
}
