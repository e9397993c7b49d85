//! What the engine reports, as errors of the house: by who must act, without row values.
//!
//! Errors of planning quote names and types of the query and are passed on. Errors of running
//! may quote values (a text that is no date), so their words are replaced.

use datafusion::error::DataFusionError;
use huiliu_lake::spilling;
use huiliu_model::{Error, ErrorKind, code};

/// A statement that does not plan: our configuration.
pub(crate) fn planning(what: &str, error: DataFusionError) -> Error {
    Error::new(ErrorKind::Invalid, format!("{what}: {}", reason(&error)))
}

/// The first line of the root cause, without the engine's own prefixes.
pub(crate) fn reason(error: &DataFusionError) -> String {
    let text = error.find_root().to_string();
    let line = text.lines().next().unwrap_or_default();
    let mut line = line.trim();
    for prefix in ["Error during planning: ", "Schema error: ", "SQL error: "] {
        line = line.strip_prefix(prefix).unwrap_or(line);
    }
    line.to_owned()
}

/// A plan that failed while it ran.
pub(crate) fn running(what: &str, error: DataFusionError) -> Error {
    let error = match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => return *ours,
            Err(other) => DataFusionError::External(other),
        },
        other => other,
    };
    if let Some(words) = spilling(&error) {
        return Error::new(ErrorKind::Unavailable, format!("{what}: {words}"))
            .coded(code::NO_ROOM)
            .help("raise `temporary.limit`, or set TMPDIR to a folder with more room")
            .because(error);
    }
    let (kind, words) = kind_of(error.find_root());
    let mut fault = Error::new(kind, format!("{what}: {words}"));
    match kind {
        ErrorKind::Unavailable
            if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) =>
        {
            fault = fault
                .coded(code::NO_MEMORY)
                .help("raise `memory.limit` or the number of buckets of the table")
                .because(error);
        }
        ErrorKind::Unavailable | ErrorKind::Bug => fault = fault.because(error),
        _ => {}
    }
    fault
}

fn kind_of(root: &DataFusionError) -> (ErrorKind, &'static str) {
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            (ErrorKind::Unavailable, "the memory limit is reached and nothing is left to spill")
        }
        DataFusionError::External(inner) => {
            inner.downcast_ref::<Error>().map_or(UNREADABLE, |ours| (ours.kind, "input failed"))
        }
        DataFusionError::ObjectStore(_) | DataFusionError::ParquetError(_) => UNREADABLE,
        DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => {
            (ErrorKind::Invalid, "the query fails on a value (a cast, a division or an overflow)")
        }
        DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::SQL(..)
        | DataFusionError::NotImplemented(_) => (ErrorKind::Invalid, "the query cannot be planned"),
        _ => (ErrorKind::Bug, "the engine broke one of its own rules"),
    }
}

const UNREADABLE: (ErrorKind, &str) = (ErrorKind::Unavailable, "an input cannot be read");
