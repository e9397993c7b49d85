//! Codes of errors: stable names that people look up, search for and write into runbooks.
//!
//! An error has the code of its class, which is the room that found it and who must act; the room
//! is the crate in which the error was made. Where the remedy is another than that of the class,
//! the error says a code of its own ([`Error::coded`]). Findings in files have the codes of
//! `huiliu_spec`. A code is never given to another meaning; its page is `docs/errors/<code>.md`.

use crate::error::{Error, ErrorKind};

/// A class of errors: what one room can say to one who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Folder in `crates/`.
    pub room: &'static str,
    pub kind: ErrorKind,
    pub code: &'static str,
}

const fn class(room: &'static str, kind: ErrorKind, code: &'static str) -> Class {
    Class { room, kind, code }
}

/// The room whose classes stand for those that another one has not.
const WIRING: &str = "huiliu";
/// A law of this program was broken, in whatever room.
pub const BUG: &str = "HUILIU-BUG-0001";

/// Every class but [`BUG`]. The last digit tells the kind, in every room the same.
pub const CLASSES: &[Class] = &[
    class(WIRING, ErrorKind::Unavailable, "HUILIU-CLI-0001"),
    class(WIRING, ErrorKind::Denied, "HUILIU-CLI-0002"),
    class(WIRING, ErrorKind::Invalid, "HUILIU-CLI-0003"),
    class(WIRING, ErrorKind::Contract, "HUILIU-CLI-0004"),
    class(WIRING, ErrorKind::Superseded, "HUILIU-CLI-0005"),
    class(WIRING, ErrorKind::Corrupt, "HUILIU-CLI-0006"),
    class("kafka", ErrorKind::Unavailable, "HUILIU-KAFKA-0001"),
    class("kafka", ErrorKind::Denied, "HUILIU-KAFKA-0002"),
    class("kafka", ErrorKind::Invalid, "HUILIU-KAFKA-0003"),
    class("kafka", ErrorKind::Superseded, "HUILIU-KAFKA-0005"),
    class("registry", ErrorKind::Unavailable, "HUILIU-REGISTRY-0001"),
    class("registry", ErrorKind::Denied, "HUILIU-REGISTRY-0002"),
    class("registry", ErrorKind::Invalid, "HUILIU-REGISTRY-0003"),
    class("files", ErrorKind::Unavailable, "HUILIU-FILES-0001"),
    class("files", ErrorKind::Denied, "HUILIU-FILES-0002"),
    class("files", ErrorKind::Invalid, "HUILIU-FILES-0003"),
    class("files", ErrorKind::Contract, "HUILIU-FILES-0004"),
    class("normalise", ErrorKind::Invalid, "HUILIU-NORMALISE-0003"),
    class("normalise", ErrorKind::Corrupt, "HUILIU-NORMALISE-0006"),
    class("ingest", ErrorKind::Invalid, "HUILIU-INGEST-0003"),
    class("ingest", ErrorKind::Superseded, "HUILIU-INGEST-0005"),
    class("ingest", ErrorKind::Corrupt, "HUILIU-INGEST-0006"),
    class("lake", ErrorKind::Unavailable, "HUILIU-LAKE-0001"),
    class("lake", ErrorKind::Denied, "HUILIU-LAKE-0002"),
    class("lake", ErrorKind::Invalid, "HUILIU-LAKE-0003"),
    class("lake", ErrorKind::Superseded, "HUILIU-LAKE-0005"),
    class("lake", ErrorKind::Corrupt, "HUILIU-LAKE-0006"),
    class("subject", ErrorKind::Unavailable, "HUILIU-SUBJECT-0001"),
    class("subject", ErrorKind::Invalid, "HUILIU-SUBJECT-0003"),
    class("subject", ErrorKind::Contract, "HUILIU-SUBJECT-0004"),
    class("subject", ErrorKind::Superseded, "HUILIU-SUBJECT-0005"),
    class("subject", ErrorKind::Corrupt, "HUILIU-SUBJECT-0006"),
];

/// The request contradicts itself.
pub const USAGE: &str = "HUILIU-CLI-0010";
/// The work was done, and its result is a failure.
pub const FAILED: &str = "HUILIU-CLI-0011";
/// There is no lake where one is to be read.
pub const NO_LAKE: &str = "HUILIU-CLI-0101";
/// A kafka_topic of a pipeline does not exist.
pub const NO_TOPIC: &str = "HUILIU-KAFKA-0101";
/// A table and its contract differ in what cannot change.
pub const TABLE_DIFFERS: &str = "HUILIU-LAKE-0101";
/// The tokens of the lake were made under another key.
pub const TOKEN_KEY_DIFFERS: &str = "HUILIU-LAKE-0102";
/// The store lets two creations of one object succeed.
pub const NO_CONDITIONAL_PUT: &str = "HUILIU-LAKE-0103";
/// A check keeps a subject table from being committed.
pub const CHECK_FAILED: &str = "HUILIU-SUBJECT-0101";
/// A build needs more memory than its share, and has nothing left to spill.
pub const NO_MEMORY: &str = "HUILIU-SUBJECT-0102";
/// Temporary files reach their limit, or cannot be written.
pub const NO_ROOM: &str = "HUILIU-SUBJECT-0103";

/// Codes that errors say themselves.
pub const OWN: &[&str] = &[
    USAGE,
    FAILED,
    NO_LAKE,
    NO_TOPIC,
    TABLE_DIFFERS,
    TOKEN_KEY_DIFFERS,
    NO_CONDITIONAL_PUT,
    CHECK_FAILED,
    NO_MEMORY,
    NO_ROOM,
];

/// The code of what a room says to one who must act.
pub fn of(room: &str, kind: ErrorKind) -> &'static str {
    let in_room = |room: &str| CLASSES.iter().find(|c| c.room == room && c.kind == kind);
    in_room(room).or_else(|| in_room(WIRING)).map_or(BUG, |class| class.code)
}

/// The folder below `crates/` that a source file lies in; empty for a file elsewhere.
fn room(file: &str) -> &str {
    let mut parts = file.split(['/', '\\']).rev().skip_while(|part| *part != "src");
    parts.nth(1).unwrap_or_default()
}

impl Error {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        self.own_code.unwrap_or_else(|| of(room(self.made_at.file()), self.kind))
    }

    /// Says a code of its own, one of [`OWN`].
    #[must_use]
    pub fn coded(mut self, code: &'static str) -> Self {
        self.own_code = Some(code);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_the_crate_of_the_file() {
        assert_eq!(room("crates/lake/src/log/state.rs"), "lake");
        assert_eq!(room("/build/huiliu/crates/kafka/src/poll.rs"), "kafka");
        assert_eq!(room(r"crates\ingest\src\session.rs"), "ingest");
        assert_eq!(room("build.rs"), "");
    }

    #[test]
    fn a_room_without_a_class_has_that_of_the_wiring_and_bugs_are_one() {
        assert_eq!(of("lake", ErrorKind::Corrupt), "HUILIU-LAKE-0006");
        assert_eq!(of("model", ErrorKind::Corrupt), "HUILIU-CLI-0006");
        assert_eq!(of("lake", ErrorKind::Bug), "HUILIU-BUG-0001");
    }

    #[test]
    fn no_code_has_two_meanings() {
        let mut all: Vec<&str> = CLASSES.iter().map(|class| class.code).collect();
        all.extend(OWN);
        all.push(BUG);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn an_error_says_its_own_code_or_that_of_its_class() {
        let error = Error::new(ErrorKind::Invalid, "x");
        // This file lies in `model`, which has no classes.
        assert_eq!(error.code(), "HUILIU-CLI-0003");
        assert_eq!(error.coded(TABLE_DIFFERS).code(), "HUILIU-LAKE-0101");
    }
}
