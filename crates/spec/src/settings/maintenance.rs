//! `maintenance:` of the settings.

use super::file::MaintenanceFile;
use crate::diagnostic::{Code, Findings};
use crate::read::Read;
use crate::units::Span;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(366 * 86_400);

/// How long what is kept, and how often the tables are looked after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maintenance {
    /// How often `huiliu run` looks after every table.
    pub every: Duration,
    /// How long a version can be opened after it was the newest.
    pub keep_versions: Duration,
    /// How long a reader may hold the version it opened.
    pub longest_reader: Duration,
    /// How long log entries are kept.
    pub keep_log: Duration,
}

impl Default for Maintenance {
    fn default() -> Self {
        let (every, longest_reader) = (10 * MINUTE, DAY / 4);
        Self { every, keep_versions: DAY, longest_reader, keep_log: 7 * DAY }
    }
}

impl Maintenance {
    pub(super) fn of(file: &MaintenanceFile, findings: &Findings) -> Self {
        let default = Self::default();
        let span = |read: Option<&Read<Span>>, (least, most), default, what| {
            let Some((read, span)) = read.and_then(|read| Some((read, read.get()?.0))) else {
                return default;
            };
            if span < least || span > most {
                let message = format!("`{what}` is {span:?}, outside {least:?} to {most:?}");
                findings.add(Code::OutOfRange, read.at, message);
            }
            span
        };
        Self {
            every: span(file.every.as_ref(), (MINUTE, DAY), default.every, "every"),
            keep_versions: span(
                file.keep_versions.as_ref(),
                (Duration::ZERO, YEAR),
                default.keep_versions,
                "keep_versions",
            ),
            // The shortest is what a query of minutes needs.
            longest_reader: span(
                file.longest_reader.as_ref(),
                (10 * MINUTE, YEAR),
                default.longest_reader,
                "longest_reader",
            ),
            // A process that did not look at a table for half a day reads it anew.
            keep_log: span(file.keep_log.as_ref(), (DAY, YEAR), default.keep_log, "keep_log"),
        }
    }
}
