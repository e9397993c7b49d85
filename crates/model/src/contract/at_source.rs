//! A column as its source has it: under which name, and how the values are written.

/// What the source does differently from the lake; by default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AtSource {
    /// Name of the field in the records, if it is not the column's.
    pub field: Option<String>,
    /// How the values are written; what a record says of itself comes before it.
    pub encoding: Encoding,
}

/// How a source writes the values of one column.
///
/// Numbers of times count from 1970-01-01 00:00 of a local clock, which is that of Asia/Shanghai,
/// as everywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Nobody said; the rules of the format hold.
    #[default]
    Unsaid,
    /// As the type has it: text, number, truth value.
    Plain,
    /// Days since 1970-01-01.
    Days,
    Millis,
    Micros,
    Nanos,
    /// ISO 8601 of the local clock, with a `Z` that means nothing.
    LocalIso,
    /// Time of day since midnight.
    TimeMillis,
    TimeMicros,
    TimeNanos,
    /// A whole number of `10^-scale`: two's complement, big endian, in base64.
    Unscaled {
        scale: i8,
    },
    /// The same with its scale beside it: `{"scale": 2, "value": "MDk="}`.
    Variable,
    /// Kept as delivered, byte by byte, objects and arrays too; neither tidied nor judged to be
    /// empty.
    Verbatim,
}

impl Encoding {
    /// Names in pipeline files; `precise` has the scale of its column.
    pub const ALL: [(&'static str, Self); 12] = [
        ("plain", Self::Plain),
        ("days", Self::Days),
        ("millis", Self::Millis),
        ("micros", Self::Micros),
        ("nanos", Self::Nanos),
        ("local_iso", Self::LocalIso),
        ("time_millis", Self::TimeMillis),
        ("time_micros", Self::TimeMicros),
        ("time_nanos", Self::TimeNanos),
        ("precise", Self::Unscaled { scale: 0 }),
        ("variable", Self::Variable),
        ("verbatim", Self::Verbatim),
    ];

    /// Microseconds of a count since 1970 or since midnight, if it is one.
    pub fn micros(self, count: i64) -> Option<i64> {
        match self {
            Self::Days => count.checked_mul(86_400_000_000),
            Self::Millis | Self::TimeMillis => count.checked_mul(1_000),
            Self::Micros | Self::TimeMicros => Some(count),
            Self::Nanos | Self::TimeNanos => Some(count.div_euclid(1_000)),
            _ => None,
        }
    }

    pub fn is_time_of_day(self) -> bool {
        matches!(self, Self::TimeMillis | Self::TimeMicros | Self::TimeNanos)
    }
}
