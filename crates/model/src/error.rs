//! Errors by who must act, and the exit code each leads to.
//!
//! Bad data is never an error: it is a [`crate::Reject`]. An error is something a person or a
//! retry must act on. Messages name the object and both sides, and carry no row values.

use std::error::Error as StdError;
use std::panic::Location;

/// Who must act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A dependency does not answer: retry, with back-off.
    Unavailable,
    /// Another process owns what we were about to write: drop it and rejoin.
    Superseded,
    /// Our own configuration is wrong: the data engineer.
    Invalid,
    /// Upstream broke its contract (an expired offset, a re-created topic): a person decides.
    Contract,
    /// Stored data contradicts itself: stop.
    Corrupt,
    /// The dependency refused us: credentials or permissions.
    Denied,
    /// A law of this program was broken: stop and report.
    Bug,
}

impl ErrorKind {
    /// Exit code of a process that ends with this kind (sysexits; the table is in the README).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Unavailable => 69,
            Self::Superseded => 75,
            Self::Invalid => 78,
            Self::Contract => 65,
            Self::Corrupt | Self::Bug => 70,
            Self::Denied => 77,
        }
    }

    /// Label value used in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Superseded => "superseded",
            Self::Invalid => "invalid",
            Self::Contract => "contract",
            Self::Corrupt => "corrupt",
            Self::Denied => "denied",
            Self::Bug => "bug",
        }
    }
}

/// An error that crosses a port: its kind, what happened and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
    /// What the reader can do next; shown on a line of its own.
    pub help: Option<String>,
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
    /// Code that the error says itself; see [`crate::code`].
    pub(crate) own_code: Option<&'static str>,
    /// Where the error was made, which tells its room.
    pub(crate) made_at: &'static Location<'static>,
}

impl Error {
    #[track_caller]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: None,
            source: None,
            own_code: None,
            made_at: Location::caller(),
        }
    }

    /// The same for another to act on.
    #[must_use]
    pub fn as_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}
