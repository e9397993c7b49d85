//! Sample records as columns of cells, whatever they were read from.

/// One value as delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Null or absent.
    Missing,
    Text(String),
    /// A number as it is written.
    Number(String),
    Truth(bool),
    /// An object or a list, which no column holds.
    Nested,
}

impl Cell {
    /// The text of a value, `None` for what has none.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Truth(true) => Some("true"),
            Self::Truth(false) => Some("false"),
            Self::Missing | Self::Nested => None,
        }
    }
}

/// What the source says a field is, beyond its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logical {
    Date,
    Timestamp,
    Decimal { scale: i8 },
}

/// One field of the records.
#[derive(Debug, Clone)]
pub struct Field {
    /// As it stands in the header or in the object.
    pub header: String,
    pub logical: Option<Logical>,
    /// One per row.
    pub cells: Vec<Cell>,
}

/// Rows of a dataset, the newest state of the source not necessarily among them.
#[derive(Debug, Clone)]
pub struct Sample {
    pub fields: Vec<Field>,
    pub row_count: usize,
    /// The records find a column by its name alone (JSON), not by its title (CSV, Parquet).
    pub is_named: bool,
    /// Rows that are first states (created, read); a key is unique among them.
    pub is_first: Vec<bool>,
    /// Some records update or delete.
    pub has_changes: bool,
}
