//! What the verbs of quarantine share: one dataset's tables, its decoder, the keys, and the words
//! by which a user names records and times.

use crate::cli::Filter;
use crate::failure::Failure;
use crate::installation::{Installation, clock};
use crate::schemas;
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, SecondsFormat, TimeZone};
use huiliu_decode::Limits;
use huiliu_ingest::Pipeline;
use huiliu_lake::Lake;
use huiliu_lake::quarantine::{Coordinate, Selection, StoredReject};
use huiliu_model::{Clock, Column, Contract, Error, ErrorKind, Partition, Record, Records};
use huiliu_normalise::disclose::{self, StoredRaw};
use huiliu_normalise::{Crypto, Protection, crypto};
use std::sync::Arc;

/// Records that are read, judged and committed at once.
pub const RECORDS_AT_ONCE: usize = 1_000;
/// Bytes of records held at once; one record may be longer.
const BYTES_AT_ONCE: i64 = 32 << 20;

/// The desk at which rejects of one dataset are worked off.
pub struct Desk {
    pub lake: Lake,
    pub contract: Arc<Contract>,
    pub clock: Arc<dyn Clock>,
    /// Decodes; under the lake's protection when that is known, and else only good for reading.
    pub pipeline: Pipeline,
    pub crypto: Option<Crypto>,
    protects: bool,
}

impl Desk {
    /// Opens a dataset to look at its rejects. Without keys sealed records stay sealed.
    ///
    /// # Errors
    /// For an unknown dataset; otherwise as the lake answers.
    pub async fn to_read(installation: &Installation, dataset: &str) -> Result<Self, Failure> {
        Self::open(installation, dataset, installation.protection().ok()).await
    }

    /// Opens a dataset to bring rejects back.
    ///
    /// # Errors
    /// As [`Desk::to_read`], and when the settings do not say how values are protected.
    pub async fn to_write(installation: &Installation, dataset: &str) -> Result<Self, Failure> {
        Self::open(installation, dataset, Some(installation.protection()?)).await
    }

    async fn open(
        installation: &Installation,
        dataset: &str,
        protection: Option<Protection>,
    ) -> Result<Self, Failure> {
        contract(installation, dataset)?;
        Self::on(installation.existing_lake().await?, installation, dataset, protection)
    }

    /// As [`Desk::to_read`], on a lake that is open.
    ///
    /// # Errors
    /// For an unknown dataset, or a contract that asks for keys there are none of.
    pub fn on(
        lake: Lake,
        installation: &Installation,
        dataset: &str,
        protection: Option<Protection>,
    ) -> Result<Self, Failure> {
        let contract = contract(installation, dataset)?;
        let crypto = match &protection {
            Some(Protection::Keys(keys)) => Some(Crypto::new(keys)),
            _ => None,
        };
        let protection = protection.unwrap_or(Protection::Plain);
        let limits = installation.settings.limits;
        let bounds = Limits { record_bytes: limits.record_bytes_max, nesting: limits.nesting_max };
        let protects = protection.protects();
        let pipeline = Pipeline::new(Arc::clone(&contract), bounds, Arc::new(protection))?;
        // A truncate from quarantine comes too late to know what was written after it.
        let pipeline = pipeline.refusing_truncates();
        let pipeline = schemas::attach(pipeline, &schemas::for_a_verb(installation)?);
        Ok(Self { lake, contract, clock: clock(), pipeline, crypto, protects })
    }

    /// Looks up the schemas that rejects name, where the format has schemas; to be done before
    /// they are decoded.
    ///
    /// # Errors
    /// As the schema registry answers.
    pub async fn look_up_schemas(&self, rejects: &[StoredReject]) -> Result<(), Error> {
        if !self.contract.format.is_avro() {
            return Ok(());
        }
        for reject in rejects {
            if let Ok(raw) = self.open_raw(reject) {
                self.pipeline.resolve(&self.records(&[(reject, raw)])).await?;
            }
        }
        Ok(())
    }

    /// As [`Desk::look_up_schemas`], for a verb that only shows: what the registry does not tell
    /// is not shown.
    pub async fn look_up_schemas_to_show(&self, rejects: &[StoredReject]) {
        if let Err(error) = self.look_up_schemas(rejects).await {
            tracing::warn!(%error, "records are shown without their fields");
        }
    }

    pub fn dataset(&self) -> &str {
        &self.contract.dataset
    }

    /// Reads `PARTITION:OFFSET`, with the kafka_topic before it when it is not the dataset's own.
    ///
    /// # Errors
    /// Usage, for anything else.
    pub fn coordinate(&self, text: &str) -> Result<Coordinate, Failure> {
        let read = || {
            let (partition, offset) = text.rsplit_once(':')?;
            let (topic, number) = match partition.rsplit_once('/') {
                Some((topic, number)) => (topic, number),
                None => (&**self.contract.kafka_topics.name()?, partition),
            };
            let partition = Partition::new(topic, number.parse().ok()?);
            Some(Coordinate { partition, offset: offset.parse().ok()? })
        };
        read().ok_or_else(|| match self.contract.kafka_topics.name() {
            Some(name) => Failure::usage(format!("`{text}` is not PARTITION:OFFSET"))
                .help(format!("for example 0:1234, or {name}/0:1234")),
            None => Failure::usage(format!("`{text}` is not KAFKA_TOPIC/PARTITION:OFFSET"))
                .help(format!("the dataset reads all that match {}", self.contract.kafka_topics)),
        })
    }

    /// A coordinate as [`Desk::coordinate`] reads it.
    pub fn name(&self, coordinate: &Coordinate) -> String {
        if self.contract.kafka_topics.name() == Some(&coordinate.partition.kafka_topic) {
            return format!("{}:{}", coordinate.partition.number, coordinate.offset);
        }
        coordinate.to_string()
    }

    /// What a filter and some coordinates select.
    ///
    /// # Errors
    /// Usage, for a time or coordinate that is none.
    pub fn selection(&self, filter: &Filter, named: &[String]) -> Result<Selection, Failure> {
        let coordinates: Result<Vec<_>, _> = named.iter().map(|n| self.coordinate(n)).collect();
        let coordinates = Some(coordinates?).filter(|c| !c.is_empty());
        Ok(Selection { coordinates, ..selection(filter, self.clock.now_us())? })
    }

    /// The column of a name.
    ///
    /// # Errors
    /// Usage, naming the columns there are.
    pub fn column(&self, name: &str) -> Result<(usize, &Column), Failure> {
        self.contract.column(name).ok_or_else(|| {
            let known: Vec<&str> = self.contract.columns.iter().map(|c| c.name.as_str()).collect();
            Failure::usage(format!("dataset `{}` has no column `{name}`", self.dataset()))
                .help(format!("it has {}", known.join(", ")))
        })
    }

    /// The record of a reject as it came.
    ///
    /// # Errors
    /// As [`disclose::open_raw`].
    pub fn open_raw(&self, reject: &StoredReject) -> Result<Vec<u8>, Error> {
        let stored = StoredRaw {
            dataset: self.dataset(),
            bytes: reject.raw.as_deref(),
            key_id: reject.raw_key_id.as_deref(),
            sm3: reject.raw_sm3.as_deref(),
        };
        disclose::open_raw(self.crypto.as_ref(), stored)
    }

    /// Rejects of one kafka_topic as the records they came as.
    pub fn records(&self, rejects: &[(&StoredReject, Vec<u8>)]) -> Records {
        let topic = rejects.first().map(|(r, _)| Arc::clone(&r.coordinate.partition.kafka_topic));
        let mut records =
            Records::new(Arc::clone(&self.contract.dataset), topic.unwrap_or_default());
        for (reject, raw) in rejects {
            let value = Some(records.store(raw));
            records.entries.push(Record {
                partition: reject.coordinate.partition.number,
                offset: reject.coordinate.offset,
                timestamp_ms: reject.kafka_time_us / 1_000,
                key: None,
                value,
            });
        }
        records
    }

    /// A value as the tables, and so the ledger, may hold it.
    pub fn stored(&self, column: &Column, text: &str) -> Option<String> {
        disclose::by_policy(column, self.protects, self.crypto.as_ref(), text)
    }

    /// Digest of the contract and of the program whose rules are applied.
    pub fn contract_sm3(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("huiliu/{version}\n{:?}", self.contract);
        crypto::sm3_hex(text.as_bytes()).as_str().to_owned()
    }
}

/// The contract of a dataset.
///
/// # Errors
/// Usage, naming the datasets there are.
pub fn contract(installation: &Installation, dataset: &str) -> Result<Arc<Contract>, Failure> {
    let contracts = &installation.project.contracts;
    contracts.iter().find(|c| *c.dataset == *dataset).cloned().ok_or_else(|| {
        let known: Vec<&str> = contracts.iter().map(|c| &*c.dataset).collect();
        Failure::usage(format!("there is no dataset `{dataset}`"))
            .help(format!("declared are {}", known.join(", ")))
    })
}

/// What a filter selects.
///
/// # Errors
/// Usage, for a time that is none.
pub fn selection(filter: &Filter, now_us: i64) -> Result<Selection, Failure> {
    let since_us = filter.since.as_deref().map(|text| since(text, now_us)).transpose()?;
    let reasons = filter.reasons.iter().map(|r| r.to_ascii_uppercase()).collect();
    let (field, department) = (filter.field.clone(), filter.department.clone());
    Ok(Selection { reasons, field, department, since_us, ..Selection::default() })
}

/// A date (Asia/Shanghai), an instant, or an age in m, h or d; microseconds since 1970 UTC.
///
/// # Errors
/// Usage, for a text that is none of them.
pub fn since(text: &str, now_us: i64) -> Result<i64, Failure> {
    let age = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let number: i64 = number.parse().ok().filter(|n| (0..1_000_000).contains(n))?;
        Some(now_us - number * seconds * 1_000_000)
    };
    let date = || {
        let day = text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN);
        Some(
            FixedOffset::east_opt(8 * 3_600)?
                .from_local_datetime(&day)
                .single()?
                .timestamp_micros(),
        )
    };
    let instant = || Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros());
    age().or_else(date).or_else(instant).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no time"))
            .help("give a date (2020-05-01), an instant (2020-05-01T08:00:00+08:00) or an age (7d)")
    })
}

/// How many of `rejects` are read at once from the front: bounded in number and in bytes.
pub fn portion(rejects: &[StoredReject]) -> usize {
    let mut bytes = 0;
    let fits = |reject: &&StoredReject| {
        bytes += reject.raw_bytes;
        bytes <= BYTES_AT_ONCE
    };
    rejects.iter().take(RECORDS_AT_ONCE).take_while(fits).count().max(1).min(rejects.len())
}

/// The name that the ledger is given: the one said, or that of the user of this system.
///
/// # Errors
/// Usage, when neither is there.
pub fn actor(said: Option<&str>) -> Result<String, Failure> {
    let user = || ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let name = said.map(str::to_owned).or_else(user).unwrap_or_default();
    if name.trim().is_empty() {
        return Err(Failure::usage("the ledger needs to know who does this")
            .help("give a name with --as NAME"));
    }
    Ok(name.trim().to_owned())
}

/// An instant in RFC 3339, UTC.
pub fn instant(us: i64) -> String {
    DateTime::from_timestamp_micros(us)
        .map_or_else(|| us.to_string(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Refuses a text that must say something.
///
/// # Errors
/// Usage, naming the flag.
pub fn require_text(flag: &str, text: &str) -> Result<(), Failure> {
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{flag} says nothing")));
    }
    Ok(())
}

/// Nothing selected is at the named coordinates.
pub fn not_found(desk: &Desk, named: &[String]) -> Failure {
    let text = format!("quarantine.{} has no reject at {}", desk.dataset(), named.join(", "));
    Error::new(ErrorKind::Invalid, text).help("`huiliu quarantine show DATASET` names some").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_instants_or_ages() {
        let now = 1_600_000_000_000_000;
        let of = |text| since(text, now).ok();
        assert_eq!(of("1h"), Some(now - 3_600_000_000));
        assert_eq!(of("7d"), Some(now - 604_800_000_000));
        // Midnight in Chongqing is 16:00 UTC of the day before.
        assert_eq!(of("2020-09-13"), Some(1_599_926_400_000_000));
        assert_eq!(of("2020-09-13T12:26:40Z"), Some(now));
        assert_eq!([of(""), of("soon"), of("d"), of("-1d")], [None; 4]);
    }
}
