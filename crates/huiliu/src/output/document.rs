//! Answers that are one document: a table or lines for people, an object for programs.
//!
//! Every object carries `format_version`. A minor step adds fields, which readers ignore when
//! they do not know them; a major step is for readers to refuse.

use crate::cli::Lines;
use crate::failure::Failure;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// Version of the shape of every document.
const FORMAT_VERSION: &str = "1.0";

/// What a verb answers: text for people, and values for programs.
pub trait Form: Serialize {
    /// Prints the answer for people.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// Prints an answer on standard output in the form asked for.
///
/// # Errors
/// When standard output cannot be written.
pub fn answer(form: Lines, document: &impl Form) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match form {
        Lines::Text => document.text(&mut out)?,
        Lines::Json => {
            serde_json::to_writer_pretty(&mut out, &envelope(document)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
        Lines::Ndjson => {
            serde_json::to_writer(&mut out, &envelope(document)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}

fn envelope(document: &impl Form) -> Value {
    let mut object = Map::new();
    object.insert("format_version".into(), FORMAT_VERSION.into());
    match serde_json::to_value(document) {
        Ok(Value::Object(fields)) => object.extend(fields),
        Ok(other) => {
            object.insert("value".into(), other);
        }
        Err(error) => {
            object.insert("error".into(), error.to_string().into());
        }
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair {
        b: u8,
        a: u8,
    }

    impl Form for Pair {
        fn text(&self, _: &mut dyn Write) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn documents_begin_with_their_version_and_keep_their_order() {
        let text = envelope(&Pair { b: 1, a: 2 }).to_string();
        assert_eq!(text, r#"{"format_version":"1.0","b":1,"a":2}"#);
    }
}
