//! A seeded city: persons, firms, real estate, licences, meters and bills, journeys, tenders,
//! projects, cases and all else that its departments report, and what happens to them.
//!
//! The same [`Plan`] gives the same bytes, on every machine. Everything is synthetic: resident
//! ids use the order codes 900–995, every record says `synthetic`, names come from short lists.
//! Identifiers are valid, references resolve, and each defect that is injected is named in the
//! event that carries it, so that detection can be measured. The city is streamed: an entity
//! keeps a few bytes of state, its rows are computed again whenever they are needed.

mod aliases;
mod authorities;
mod calendar;
mod cells;
mod changes;
mod defects;
mod dice;
mod envelope;
mod estate;
mod fields;
mod finance;
mod firms;
mod geo;
mod health;
mod held;
mod ids;
mod licences;
mod lists;
mod persons;
mod places;
mod poverty;
mod press;
mod projects;
mod records;
mod regions;
mod registers;
mod row;
mod services;
mod stream;
mod trading;
mod transport;
mod utilities;

use chrono::NaiveDate;

/// What city to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub seed: u64,
    /// Events to emit in total.
    pub records: u64,
    /// Scale of the default rates of the dirty-data catalogue (1.0); `None` is a clean city.
    pub defects: Option<f64>,
    /// The day the city stands at: nothing happens later. Bills cover the 26 months before.
    pub as_of: NaiveDate,
}

impl Plan {
    /// A clean city as of 2020-06-30.
    pub fn new(seed: u64, records: u64) -> Self {
        let as_of = NaiveDate::from_ymd_opt(2020, 6, 30).expect("a calendar date");
        Self { seed, records, defects: None, as_of }
    }
}

/// One Kafka record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub dataset: &'static str,
    pub kafka_topic: &'static str,
    /// The source's sequence in the envelope; a tombstone has that of its delete. Unique per
    /// dataset, but for tombstones, second deliveries and conflicting records.
    pub sequence: u64,
    /// The row's key as the source system writes it, parts joined by `|`.
    pub key: Vec<u8>,
    /// `None` is the tombstone that follows a delete.
    pub value: Option<Vec<u8>>,
    /// Kafka time, milliseconds since 1970 UTC; never goes back.
    pub timestamp_ms: i64,
    /// What was done to this record on purpose.
    pub defects: Vec<Injected>,
}

/// One injected defect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// The field it is in, [`RECORD`] for a defect of the whole record.
    pub field: &'static str,
    /// Code of the dirty-data catalogue, `D01` to `D50`.
    pub code: &'static str,
    /// The cell without the defect, as it would be written, without quotation marks; `None` for a
    /// null and for a whole record.
    pub clean: Option<String>,
}

impl Injected {
    /// A defect of a whole record.
    pub(crate) fn of_record(code: &'static str) -> Self {
        Self { field: RECORD, code, clean: None }
    }
}

/// What stands for the field of a defect of the whole record.
pub const RECORD: &str = "@record";

/// The events of a city, in the order of their publication.
pub fn city(plan: Plan) -> impl Iterator<Item = Event> {
    stream::City::new(plan)
}

/// The datasets a city has records for, with their Kafka topics.
pub fn datasets() -> impl Iterator<Item = (&'static str, &'static str)> {
    fields::datasets().map(|dataset| (dataset.name, dataset.kafka_topic))
}
