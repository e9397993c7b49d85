//! The project's own envelope around a row change.

use crate::calendar::{Micros, instant_text};
use crate::row::Row;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Create,
    Update,
    Delete,
    Read,
}

impl Op {
    fn letter(self) -> &'static str {
        match self {
            Self::Create => "c",
            Self::Update => "u",
            Self::Delete => "d",
            Self::Read => "r",
        }
    }
}

pub(crate) struct Envelope<'a> {
    pub(crate) op: Op,
    pub(crate) seq: u64,
    pub(crate) event_time: Micros,
    /// Credit code of the department that reports.
    pub(crate) dept: &'a str,
    pub(crate) batch: &'a str,
    pub(crate) before: Option<&'a Row>,
    /// Only the key of `before` is known.
    pub(crate) before_key_only: bool,
    pub(crate) after: Option<&'a Row>,
}

impl Envelope<'_> {
    pub(crate) fn write(&self) -> Vec<u8> {
        let row = self.after.or(self.before).expect("a change has an image");
        let dataset = row.dataset();
        let mut json = Vec::with_capacity(1_024);
        let head = format!(
            concat!(
                r#"{{"v":1,"ds":"{}","op":"{}","seq":{},"event_time":"{}","#,
                r#""src":{{"dept":"{}","system":"{}","level":"city","batch":"{}"}},"#,
                r#""synthetic":true,"before":"#
            ),
            dataset.name,
            self.op.letter(),
            self.seq,
            instant_text(self.event_time),
            self.dept,
            dataset.system,
            self.batch,
        );
        json.extend_from_slice(head.as_bytes());
        image(self.before, self.before_key_only, &mut json);
        json.extend_from_slice(b",\"after\":");
        image(self.after, false, &mut json);
        json.push(b'}');
        json
    }
}

fn image(row: Option<&Row>, key_only: bool, json: &mut Vec<u8>) {
    match row {
        Some(row) => row.write(key_only, json),
        None => json.extend_from_slice(b"null"),
    }
}
