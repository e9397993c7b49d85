//! Errors of files: whose they are, and what to do about them.

use huiliu_model::{Error, ErrorKind};
use std::io;

/// A file that the system does not let us read, or whose bytes contradict its packing.
pub(crate) fn unreadable(shown: &str, source: io::Error) -> Error {
    use io::ErrorKind as E;
    let (kind, help) = match source.kind() {
        E::NotFound => (ErrorKind::Invalid, "check the path; `-` reads standard input"),
        E::IsADirectory => (ErrorKind::Invalid, "name the files in it, for example DIR/*.csv"),
        E::PermissionDenied => (ErrorKind::Denied, "give this user the right to read it"),
        E::UnexpectedEof | E::InvalidData | E::InvalidInput => {
            (ErrorKind::Contract, "the file is damaged or was cut; have it delivered again")
        }
        _ => (ErrorKind::Unavailable, "try again; what has landed is not read twice"),
    };
    Error::new(kind, format!("file `{shown}` cannot be read")).because(source).help(help)
}

/// A file that is not what the contract lets us expect.
pub(crate) fn refused(shown: &str, why: impl std::fmt::Display, help: impl Into<String>) -> Error {
    Error::new(ErrorKind::Contract, format!("file `{shown}` {why}")).help(help)
}
