//! The log of injected defects: a CSV file that can be joined to rows and rejects.
//!
//! One line per defect: position of the record in the output (from 0), dataset, Kafka topic, key
//! as it was sent, sequence of the envelope, field (`@record` for the whole record), code of the
//! dirty-data catalogue, the cell without the defect (empty for a null). Dataset and sequence name
//! a row, but for second deliveries (D36) and conflicting records (D37), which share those of their
//! first.

use crate::failure::Failure;
use huiliu_citygen::Event;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Columns of the file.
const HEADER: &str = "record,dataset,kafka_topic,key,sequence,field,code,clean";

/// A log that is written, or none.
pub(super) struct Log<W: Write = BufWriter<File>> {
    out: Option<W>,
    record: u64,
}

impl Log {
    /// Opens the file that was asked for.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let out = match path {
            None => None,
            Some(path) => {
                let failed = |error| Failure::file("cannot write the log", path, error);
                let file = File::create(path).map_err(failed)?;
                Some(BufWriter::new(file))
            }
        };
        Ok(Self::start(out)?)
    }
}

impl<W: Write> Log<W> {
    fn start(out: Option<W>) -> io::Result<Self> {
        let mut log = Self { out, record: 0 };
        if let Some(out) = &mut log.out {
            writeln!(out, "{HEADER}")?;
        }
        Ok(log)
    }

    /// Notes the next record of the output.
    pub(super) fn note(&mut self, event: &Event) -> Result<(), Failure> {
        if let Some(out) = &mut self.out {
            let key = quoted(&String::from_utf8_lossy(&event.key));
            let (record, sequence) = (self.record, event.sequence);
            for defect in &event.defects {
                let (dataset, topic) = (event.dataset, event.kafka_topic);
                let (field, code) = (defect.field, defect.code);
                let clean = quoted(defect.clean.as_deref().unwrap_or_default());
                writeln!(
                    out,
                    "{record},{dataset},{topic},{key},{sequence},{field},{code},{clean}"
                )?;
            }
        }
        self.record += 1;
        Ok(())
    }

    /// Brings what was noted to the disk.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        if let Some(out) = &mut self.out {
            out.flush()?;
        }
        Ok(())
    }
}

/// A CSV cell (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r', '\t']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_citygen::Injected;

    #[test]
    fn each_defect_is_a_line_with_its_record_and_sequence() {
        let defect = |code| Injected { field: "doc_no", code, clean: Some("1,2".to_owned()) };
        let event = |key: &[u8], codes: &[&'static str]| Event {
            dataset: "pool_permit",
            kafka_topic: "pool.permit",
            sequence: 1_000_007,
            key: key.to_vec(),
            value: None,
            timestamp_ms: 0,
            defects: codes.iter().map(|code| defect(code)).collect(),
        };
        let mut log = Log::start(Some(Vec::new())).expect("memory takes bytes");
        for event in [event(b"a", &[]), event(b"a,\"b\"|c", &["D01", "D36"])] {
            assert!(log.note(&event).is_ok());
        }
        let bytes = log.out.take().expect("it was opened");
        let expected = "record,dataset,kafka_topic,key,sequence,field,code,clean\n\
            1,pool_permit,pool.permit,\"a,\"\"b\"\"|c\",1000007,doc_no,D01,\"1,2\"\n\
            1,pool_permit,pool.permit,\"a,\"\"b\"\"|c\",1000007,doc_no,D36,\"1,2\"\n";
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    }
}
