//! The six dimensions of data quality (GB/T 36344-2018; domain specification, 4.3), and which of
//! them a finding speaks of.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    Conformity,
    Completeness,
    Accuracy,
    Consistency,
    Timeliness,
    Accessibility,
}

impl Dimension {
    pub const ALL: [Self; 6] = [
        Self::Conformity,
        Self::Completeness,
        Self::Accuracy,
        Self::Consistency,
        Self::Timeliness,
        Self::Accessibility,
    ];

    /// Its name in the standard, and in English.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Conformity => ("规范性", "conformity"),
            Self::Completeness => ("完整性", "completeness"),
            Self::Accuracy => ("准确性", "accuracy"),
            Self::Consistency => ("一致性", "consistency"),
            Self::Timeliness => ("时效性", "timeliness"),
            Self::Accessibility => ("可访问性", "accessibility"),
        }
    }

    /// The dimension of a finding's label. Forms and code lists are conformity; what is missing is
    /// completeness; check characters, ranges and fillers are accuracy; what another column or
    /// table says is consistency; what comes too late or too early is timeliness.
    pub fn of_finding(label: &str) -> Self {
        match label {
            "REQUIRED" | "NULL_TOKEN" | "MASKED" | "KEY_MISSING" | "UNAVAILABLE" => {
                Self::Completeness
            }
            "CHECKSUM" | "ORG_CODE_CHECKSUM" | "EXCEL_FLOAT" | "EXCEL_TRUNCATED"
            | "PLACEHOLDER" | "BIRTH_DATE" | "BIRTH_RANGE" | "RANGE" | "OVERFLOW" | "SWAPPED"
            | "DATUM" | "MOJIBAKE" | "AMBIGUOUS" => Self::Accuracy,
            "MISMATCH" | "DATE_ORDER" | "SET_WHEN" | "REQUIRED_WHEN" | "AT_MOST_OF"
            | "PREFIX_OF" | "DIFFERENCE_OF" | "REGION_UNKNOWN" => Self::Consistency,
            "FUTURE" | "BIRTH_FUTURE" | "HISTORIC" => Self::Timeliness,
            _ => Self::Conformity,
        }
    }
}
