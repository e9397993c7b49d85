//! Stops: a dataset that goes no further until a person decides, while all others go on.
//!
//! A stop is recorded with the dataset's tables, so every process sees it. The one way on is
//! `huiliu incidents resolve`, which records who decided and why.

use crate::drift::DriftKind;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Why a dataset stands still: a closed set, used as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StopReason {
    /// More records were rejected than `quality.stop_if` allows.
    Rejects,
    /// Records differ from the contract and `drift` says to stop.
    Drift(DriftKind),
    /// It is recorded that the dataset stopped; why can no longer be read.
    Unknown,
}

impl StopReason {
    /// Every reason, for closed label sets.
    pub const ALL: [StopReason; 6] = [
        Self::Rejects,
        Self::Drift(DriftKind::Added),
        Self::Drift(DriftKind::Dropped),
        Self::Drift(DriftKind::Retyped),
        Self::Drift(DriftKind::Widened),
        Self::Unknown,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Rejects => "rejects",
            Self::Drift(DriftKind::Added) => "field_added",
            Self::Drift(DriftKind::Dropped) => "field_dropped",
            Self::Drift(DriftKind::Retyped) => "field_retyped",
            Self::Drift(DriftKind::Widened) => "field_widened",
            Self::Unknown => "unknown",
        }
    }

    /// The reason with this label; one of another version is unknown.
    pub fn of_label(label: &str) -> Self {
        Self::ALL.into_iter().find(|r| r.label() == label).unwrap_or(Self::Unknown)
    }
}

/// Why and where a dataset stopped. Its text form is the incident, without any value of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    pub dataset: Arc<str>,
    pub reason: StopReason,
    /// Rejected records among the last `window` ones; for a drift, the records that show it.
    pub count: u64,
    /// Records over which the share was taken; 0 for a drift.
    pub window: u64,
    /// The limit that was passed, 0 to 1; 0 for a drift.
    pub limit: f64,
    /// The most frequent reasons of the rejects since the window began, falling; at most three.
    pub reasons: Vec<(String, u64)>,
    /// The field that drifted.
    pub field: Option<String>,
    /// `<kafka_topic>/<partition>` and offset of the first record that drifted.
    pub at: Option<(String, i64)>,
    /// When it was decided, milliseconds since 1970 UTC.
    pub at_ms: i64,
}

impl Stop {
    /// A stop of which nothing more is known.
    pub fn unknown(dataset: Arc<str>) -> Self {
        Self {
            dataset,
            reason: StopReason::Unknown,
            count: 0,
            window: 0,
            limit: 0.0,
            reasons: Vec::new(),
            field: None,
            at: None,
            at_ms: 0,
        }
    }

    /// Share of rejects, 0 to 1; 0 without a window.
    #[allow(clippy::cast_precision_loss, reason = "a window has at most a million records")]
    pub fn share(&self) -> f64 {
        if self.window == 0 { 0.0 } else { self.count as f64 / self.window as f64 }
    }

    /// The command by which the dataset goes on.
    pub fn remedy(&self) -> String {
        format!("huiliu incidents resolve {} --why '…' --yes", self.dataset)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dataset, count) = (&self.dataset, self.count);
        match self.reason {
            StopReason::Rejects => {
                let (share, limit) = (self.share() * 100.0, self.limit * 100.0);
                write!(
                    f,
                    "dataset `{dataset}` stopped: {share:.1}% of its last {} records were \
                     rejected, over the limit of {limit}%",
                    self.window
                )?;
                let told: Vec<String> =
                    self.reasons.iter().map(|(reason, n)| format!("{reason} {n}")).collect();
                if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join(", ")) }
            }
            StopReason::Drift(kind) => {
                let field = self.field.as_deref().unwrap_or("?");
                write!(f, "dataset `{dataset}` stopped: field `{field}` was {}", kind.label())?;
                match &self.at {
                    Some((partition, offset)) => {
                        write!(f, ", in {count} records from {partition} offset {offset} on")
                    }
                    None => Ok(()),
                }
            }
            StopReason::Unknown => {
                write!(f, "dataset `{dataset}` stopped; its log no longer tells why")
            }
        }
    }
}

/// What is recorded of the stops of one dataset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// The stop that stands; none when the dataset goes on.
    pub stop: Option<Stop>,
    /// Drifts that a person has let pass: they stop the dataset no more.
    pub admitted: BTreeSet<(DriftKind, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_names_dataset_share_window_and_reasons() {
        let stop = Stop {
            reason: StopReason::Rejects,
            count: 2_730,
            window: 10_000,
            limit: 0.2,
            reasons: vec![("NOT_JSON".to_owned(), 2_100), ("KEY_MISSING".to_owned(), 630)],
            ..Stop::unknown("water_bill".into())
        };
        assert_eq!(
            stop.to_string(),
            "dataset `water_bill` stopped: 27.3% of its last 10000 records were rejected, over \
             the limit of 20% (NOT_JSON 2100, KEY_MISSING 630)"
        );
        assert_eq!(stop.remedy(), "huiliu incidents resolve water_bill --why '…' --yes");
    }

    #[test]
    fn a_drift_names_its_field_and_where_it_began() {
        let stop = Stop {
            reason: StopReason::Drift(DriftKind::Added),
            count: 3,
            field: Some("note".to_owned()),
            at: Some(("feed.water.bill/2".to_owned(), 41)),
            ..Stop::unknown("water_bill".into())
        };
        assert_eq!(
            stop.to_string(),
            "dataset `water_bill` stopped: field `note` was added, in 3 records from \
             feed.water.bill/2 offset 41 on"
        );
    }

    #[test]
    fn every_reason_is_found_by_its_label() {
        for reason in StopReason::ALL {
            assert_eq!(StopReason::of_label(reason.label()), reason);
        }
        assert_eq!(StopReason::of_label("of tomorrow"), StopReason::Unknown);
    }
}
