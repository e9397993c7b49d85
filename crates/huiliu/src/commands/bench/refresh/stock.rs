//! Rows that fill a lake for a benchmark, made straight as columns.
//!
//! Owns which datasets are filled and how many rows an identity has in each. Codes are spread
//! over their range, so the rows of neighbouring numbers lie far apart in every table, as those
//! of a real day do. Rows do not pass decoding and rules: these are not what is measured.

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field};
use huiliu_lake::Lake;
use huiliu_model::port::Landing;
use huiliu_model::system;
use huiliu_model::{Batch, Clock, Contract, Covers, Error, ErrorKind, Partition, Quality, Tally};
use huiliu_subject::bucket::buckets_of;
use std::sync::Arc;

/// Every dataset that a measured table reads; those without rows stay empty.
pub const DATASETS: [&str; 12] = [
    "le_entity",
    "le_shareholder",
    "le_annual_report",
    "lic_licence",
    "water_account",
    "water_bill",
    "power_account",
    "power_bill",
    "gas_account",
    "gas_bill",
    "pool_project",
    "pool_project_month",
];
/// Rows that an identity has in a dataset.
const PARTS: [(&str, u32); 8] = [
    ("le_entity", 1),
    ("le_shareholder", 2),
    ("le_annual_report", 3),
    ("lic_licence", 2),
    ("water_account", 1),
    ("water_bill", 12),
    ("pool_project", 1),
    ("pool_project_month", 12),
];
/// Rows of one commit of the filling.
const COMMIT_ROWS: u32 = 240_000;
/// Counties of the city.
const COUNTIES: u64 = 40;
/// 2020-01-01 in days since 1970-01-01.
const YEAR_BEGIN: i32 = 18_262;
/// First days of the months of 2020, from the first of January.
const MONTHS: [i32; 12] = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335];

/// A lake and how much it holds.
pub struct Stock<'a> {
    pub lake: &'a Lake,
    pub identities: u32,
    pub clock: &'a dyn Clock,
}

/// One row: the `part`-th of an identity, as of a round of changes.
#[derive(Clone, Copy)]
struct Place {
    identity: u64,
    part: u32,
    round: u32,
}

impl Stock<'_> {
    /// Fills the datasets and folds them.
    ///
    /// # Errors
    /// As the lake answers.
    pub async fn fill(&self) -> Result<(), Error> {
        for (dataset, parts) in PARTS {
            let step = (COMMIT_ROWS / parts).max(1);
            for begin in (0..self.identities).step_by(step as usize) {
                let end = begin.saturating_add(step).min(self.identities);
                let places = (begin..end)
                    .flat_map(|identity| (0..parts).map(move |part| place(identity, part, 0)));
                self.land(dataset, &places.collect::<Vec<_>>()).await?;
            }
            self.lake.dataset(dataset)?.fold_all().await?;
        }
        Ok(())
    }

    /// Changes one row of each of `count` identities that are spread over all.
    ///
    /// # Errors
    /// As the lake answers.
    pub async fn change(&self, dataset: &str, count: u32, round: u32) -> Result<(), Error> {
        let parts = PARTS.iter().find(|(name, _)| *name == dataset).map_or(1, |(_, parts)| *parts);
        let step = (self.identities / count.max(1)).max(1);
        let places = (0..count).map(|at| {
            let identity = (at * step + round % step) % self.identities;
            place(identity, round % parts, round)
        });
        self.land(dataset, &places.collect::<Vec<_>>()).await
    }

    async fn land(&self, dataset: &str, places: &[Place]) -> Result<(), Error> {
        let data = self.lake.dataset(dataset)?;
        let partition = Partition::new("bench", 0);
        let progress = self.lake.progress(dataset, std::slice::from_ref(&partition)).await?;
        let start = progress.get(&partition).unwrap_or(0);
        let end = start + i64::try_from(places.len()).unwrap_or(i64::MAX);
        let rows = self.rows(&data.contract, data.changes_schema.fields(), (places, start))?;
        let batch = Batch {
            dataset: Arc::clone(&data.contract.dataset),
            rows: vec![rows],
            rejects: Vec::new(),
            covers: Covers([(partition, start..end)].into()),
            tally: Tally { accepted: places.len() as u64, ..Tally::default() },
            quality: Quality::default(),
            newest_record_ms: self.clock.now_us() / 1_000,
            oldest_event_us: None,
            truncates: Vec::new(),
        };
        self.lake.land(&batch).await.map(|_| ())
    }

    fn rows(
        &self,
        contract: &Contract,
        fields: &arrow::datatypes::Fields,
        (places, start): (&[Place], i64),
    ) -> Result<RecordBatch, Error> {
        let unfit = |e| Error::new(ErrorKind::Bug, "rows of the benchmark do not fit").because(e);
        let stored: Vec<ArrayRef> = fields
            .iter()
            .filter(|field| !field.name().starts_with(system::PREFIX))
            .map(|field| column(contract, field, places))
            .collect();
        let deciding: Vec<ArrayRef> =
            contract.bucket_by.iter().filter_map(|at| stored.get(*at).cloned()).collect();
        let bucket = buckets_of(&deciding, contract.buckets)
            .map_err(|e| Error::new(ErrorKind::Bug, "rows without a bucket").because(e))?;
        let bucket: ArrayRef = Arc::new(bucket);
        let system = fields.iter().filter(|field| field.name().starts_with(system::PREFIX));
        let now_us = self.clock.now_us();
        let system = system.map(|field| match field.name().as_str() {
            system::BUCKET => Arc::clone(&bucket),
            system::OFFSET => Arc::new(Int64Array::from_iter_values((start..).take(places.len()))),
            _ => system_column(field, (places, now_us)),
        });
        let columns = stored.iter().cloned().chain(system).collect();
        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields.clone())), columns)
            .map_err(unfit)
    }
}

fn place(identity: u32, part: u32, round: u32) -> Place {
    Place { identity: u64::from(identity), part, round }
}

fn system_column(field: &Field, (places, now_us): (&[Place], i64)) -> ArrayRef {
    let count = places.len();
    match (field.name().as_str(), field.data_type()) {
        (system::OP, _) => Arc::new(StringArray::from(vec!["u"; count])),
        (system::SEQ, _) => {
            Arc::new(Int64Array::from_iter_values(places.iter().map(|p| i64::from(p.round))))
        }
        (system::RANK, _) => Arc::new(Int32Array::from(vec![1; count])),
        (_, DataType::Timestamp(..)) => {
            Arc::new(TimestampMicrosecondArray::from(vec![now_us; count]).with_timezone("UTC"))
        }
        (_, DataType::Int64) => Arc::new(Int64Array::from(vec![0; count])),
        (_, DataType::Int32) => Arc::new(Int32Array::from(vec![0; count])),
        (_, other) => new_null_array(other, count),
    }
}

fn column(contract: &Contract, field: &Field, places: &[Place]) -> ArrayRef {
    let name = field.name().as_str();
    let required = contract.column(name).is_some_and(|(_, column)| column.required);
    let numbers = places.iter().map(|place| number(name, *place));
    match field.data_type() {
        DataType::Utf8 => {
            let texts = places.iter().map(|place| text(name, required, *place));
            Arc::new(texts.collect::<StringArray>())
        }
        DataType::Date32 => {
            let days = places.iter().map(|place| day(name, required, *place));
            Arc::new(days.collect::<Date32Array>())
        }
        DataType::Int32 => Arc::new(numbers.map(|n| i32::try_from(n).ok()).collect::<Int32Array>()),
        DataType::Int64 => Arc::new(numbers.collect::<Int64Array>()),
        DataType::Float64 => Arc::new(places.iter().map(|_| Some(106.5)).collect::<Float64Array>()),
        DataType::Boolean => Arc::new(places.iter().map(|_| Some(false)).collect::<BooleanArray>()),
        DataType::Timestamp(..) => {
            let micros = i64::from(YEAR_BEGIN) * 86_400_000_000;
            let at = places.iter().map(|place| micros + i64::from(place.round));
            Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC"))
        }
        DataType::Decimal128(..) => {
            let exact = numbers.map(|n| Some(i128::from(n))).collect::<Decimal128Array>();
            Arc::new(exact.with_data_type(field.data_type().clone()))
        }
        other => new_null_array(other, places.len()),
    }
}

fn text(name: &str, required: bool, place: Place) -> Option<String> {
    let identity = place.identity;
    let fixed = |text: &str| Some(text.to_owned());
    match name {
        "uscc" | "holder_code" => Some(format!("91500{:013}", spread(identity))),
        "licence_id" => Some(format!("{:013}{:02}", spread(identity), place.part)),
        "account_no" | "project_code" => Some(format!("{:013}", spread(identity))),
        "division_code" => Some(format!("5001{:02}", identity % COUNTIES + 1)),
        "holder_code_type" => fixed("001"),
        "status_code" if place.part == 0 => fixed("01"),
        "pay_status" | "state_code" | "status_code" => fixed("1"),
        "industry_code" => fixed("1311"),
        "name" | "holder_name" | "project_name" => Some(format!("重庆{identity}号有限公司")),
        _ => required.then(|| "x".to_owned()),
    }
}

/// Numbers that lie far apart for neighbours, each once below 10^13.
fn spread(identity: u64) -> u64 {
    const RANGE: u128 = 10_000_000_000_000;
    // Ends in 9, so it shares no factor with the range: no two identities meet.
    const FACTOR: u128 = 6_180_339_887_499;
    u64::try_from(u128::from(identity) * FACTOR % RANGE).unwrap_or(0)
}

fn day(name: &str, required: bool, place: Place) -> Option<i32> {
    let month = MONTHS.get(place.part as usize % MONTHS.len()).copied().unwrap_or(0);
    match name {
        "bill_month" | "stat_month" => Some(YEAR_BEGIN + month),
        "due_date" => Some(YEAR_BEGIN + month + 45),
        "paid_date" => Some(YEAR_BEGIN + month + 40),
        "valid_from" | "issue_date" => Some(YEAR_BEGIN - 300),
        "valid_to" => Some(YEAR_BEGIN + 366 + i32::try_from(place.identity % 200).unwrap_or(0)),
        "found_date" => Some(YEAR_BEGIN - i32::try_from(place.identity % 7_000).unwrap_or(0)),
        _ => required.then_some(YEAR_BEGIN),
    }
}

fn number(name: &str, place: Place) -> i64 {
    let Place { identity, part, round } = place;
    match name {
        "report_year" => 2018 + i64::from(part),
        "holder_seq" => i64::from(part) + 1,
        // A change is a change: every round has another amount.
        _ => {
            i64::try_from(spread(identity) % 100_000).unwrap_or(0)
                + i64::from(part) * 100
                + i64::from(round)
                + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_spread_and_none_comes_twice() {
        let codes: BTreeSet<u64> = (0..10_000).map(spread).collect();
        assert_eq!(codes.len(), 10_000);
        assert_eq!(spread(1), 6_180_339_887_499);
        assert_eq!(spread(2), 2_360_679_774_998, "12,360,679,774,998 less the range");
    }
}
