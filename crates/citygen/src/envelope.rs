//! The project's own envelope around a row change.

use crate::calendar::{Micros, push_instant};
use crate::row::{Row, push_digits};

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
        let put = |text: &str, json: &mut Vec<u8>| json.extend_from_slice(text.as_bytes());
        put(r#"{"v":1,"ds":""#, &mut json);
        put(dataset.name, &mut json);
        put(r#"","op":""#, &mut json);
        put(self.op.letter(), &mut json);
        put(r#"","seq":"#, &mut json);
        push_digits(self.seq, 1, &mut json);
        put(r#","event_time":""#, &mut json);
        push_instant(self.event_time, &mut json);
        put(r#"","src":{"dept":""#, &mut json);
        put(dataset.dept.code(), &mut json);
        put(r#"","system":""#, &mut json);
        put(dataset.system, &mut json);
        put(r#"","level":"city","batch":""#, &mut json);
        put(self.batch, &mut json);
        put(r#""},"synthetic":true,"before":"#, &mut json);
        image(self.before, self.before_key_only, &mut json);
        put(r#","after":"#, &mut json);
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
