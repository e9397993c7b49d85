//! Drift: how far the records of a source have gone from their contract, and what is done then.
//!
//! | kind | what is seen | judged |
//! |---|---|---|
//! | added | a field that the contract does not name | per record |
//! | dropped | no row of a chunk has a column that earlier rows had | per chunk |
//! | retyped | a JSON kind that the column's type never comes in | per cell |
//! | widened | a number beyond the column's range or digits | per cell |
//!
//! A renamed column is one dropped and one added. A narrower value, or another order of the
//! fields, is no drift: it fits the contract as it is.

/// How a record differs from the contract: a closed set, used as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DriftKind {
    Added,
    Dropped,
    Retyped,
    Widened,
}

impl DriftKind {
    pub const ALL: [DriftKind; 4] = [Self::Added, Self::Dropped, Self::Retyped, Self::Widened];

    pub fn label(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Dropped => "dropped",
            Self::Retyped => "retyped",
            Self::Widened => "widened",
        }
    }

    /// The kind with this label.
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

/// What a contract says is done about one kind of drift. Noted and counted it is always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDrift {
    /// The record is judged as if nothing were new.
    #[default]
    Ignore,
    /// Strange fields are kept beside the row, in `sys_extra`; only for added fields.
    Evolve,
    /// The record goes to quarantine.
    Quarantine,
    /// The dataset stops before the record lands.
    Stop,
}

impl OnDrift {
    pub fn label(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Evolve => "evolve",
            Self::Quarantine => "quarantine",
            Self::Stop => "stop",
        }
    }
}

/// The policy of a contract; everything is ignored unless it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DriftPolicy {
    pub added: OnDrift,
    pub dropped: OnDrift,
    pub retyped: OnDrift,
    pub widened: OnDrift,
}

impl DriftPolicy {
    pub fn of(&self, kind: DriftKind) -> OnDrift {
        match kind {
            DriftKind::Added => self.added,
            DriftKind::Dropped => self.dropped,
            DriftKind::Retyped => self.retyped,
            DriftKind::Widened => self.widened,
        }
    }
}

/// Drift of one kind in one field, in some records of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    pub kind: DriftKind,
    /// Name of the field, as the source or the contract writes it; never a value.
    pub field: Box<str>,
    /// Records that show it; at least 1.
    pub count: u64,
    /// Where it was seen first: partition and offset.
    pub partition: i32,
    pub offset: i64,
    /// Kafka time of the first and of the last record, milliseconds since 1970 UTC.
    pub first_ms: i64,
    pub last_ms: i64,
}

impl Drift {
    /// Joins what was seen later of the same kind and field.
    pub fn extend(&mut self, later: &Drift) {
        self.count += later.count;
        self.first_ms = self.first_ms.min(later.first_ms);
        self.last_ms = self.last_ms.max(later.last_ms);
    }
}

/// A drift as it is noted in the ledger: once per process and field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftNote {
    pub dataset: std::sync::Arc<str>,
    pub kafka_topic: std::sync::Arc<str>,
    pub policy: OnDrift,
    /// What was seen until it was noted.
    pub drift: Drift,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_label() {
        for kind in DriftKind::ALL {
            assert_eq!(DriftKind::of_label(kind.label()), Some(kind));
        }
        assert_eq!(DriftKind::of_label("renamed"), None);
    }
}
