//! Where rows of `changes` came from: the commit that wrote them. Of rows that were written before
//! they named their Kafka topic, its receipt tells that too: number and offset of a partition may
//! be shared by two topics, or by a topic and a file.

use crate::error::query_error;
use crate::lake::Lake;
use crate::merged::ensure_schema;
use crate::posting::RECEIPTS;
use crate::scan::session;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use huiliu_model::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Memory of the reading session.
const MEMORY_BYTES: usize = 256 << 20;
/// Receipts that are read from the log itself, of those that are not posted.
const UNPOSTED_MAX: i64 = 1_000;

/// The commit that wrote a row, and what the row's record was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub kafka_topic: String,
    /// Version of `changes`.
    pub version: i64,
}

/// What commits to `changes` of one dataset cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<Cover>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cover {
    version: i64,
    committed_at_us: i64,
    covers: BTreeMap<String, [i64; 2]>,
}

impl Lake {
    /// What the commits to `changes` since an instant (microseconds since 1970 UTC) cover: of the
    /// receipts in the ledger, and of the newest thousand that are not posted yet.
    ///
    /// # Errors
    /// As the store answers; `Bug` for an undeclared dataset.
    pub async fn origins(&self, dataset: &str, since_us: i64) -> Result<Origins, Error> {
        let data = self.dataset(dataset)?;
        let (mut covers, mut posted) = (Vec::new(), 0);
        if let Some(ledger) = self.existing_ledger(RECEIPTS).await? {
            posted = ledger.progress().await?.get(dataset).copied().unwrap_or(0);
            covers = self.posted(dataset, since_us).await?;
        }
        let newest = data.changes.refresh().await?.version;
        let receipts = data.changes.receipts(posted.max(newest - UNPOSTED_MAX), newest).await?;
        covers.extend(receipts.into_iter().map(|receipt| Cover {
            version: receipt.version,
            committed_at_us: receipt.committed_at_ms.saturating_mul(1_000),
            covers: receipt.covers,
        }));
        covers.sort_by_key(|cover| cover.version);
        Ok(Origins(covers))
    }

    async fn posted(&self, dataset: &str, since_us: i64) -> Result<Vec<Cover>, Error> {
        let failed = |e| query_error("reading ledger.receipts", e);
        let memory_bytes = self.shared().memory.session_bytes(MEMORY_BYTES);
        let ctx = session(Arc::clone(self.store()), memory_bytes, self.room())?;
        ensure_schema(&ctx, "ledger").map_err(failed)?;
        self.register_ledgers(&ctx).await?;
        let quoted = dataset.replace('\'', "''");
        // An instant of commit is cut to milliseconds.
        let since = since_us.saturating_sub(1_000);
        let sql = format!(
            "SELECT changes_version, CAST(committed_at AS BIGINT) AS at, covers \
             FROM lake.ledger.\"{RECEIPTS}\" WHERE dataset = '{quoted}' AND committed_at >= \
             arrow_cast({since}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
        );
        let rows = ctx.sql(&sql).await.map_err(failed)?.collect().await.map_err(failed)?;
        Ok(rows.iter().map(covers_of).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

fn covers_of(rows: &RecordBatch) -> Result<Vec<Cover>, Error> {
    let corrupt = || Error::new(ErrorKind::Corrupt, format!("ledger.{RECEIPTS} lacks a column"));
    let number = |at: usize| rows.column(at).as_primitive_opt::<Int64Type>().ok_or_else(corrupt);
    let (versions, times) = (number(0)?, number(1)?);
    let covers = rows.column(2).as_string_opt::<i32>().ok_or_else(corrupt)?;
    let cover = |row: usize| {
        let covers = serde_json::from_str(covers.value(row)).map_err(|e| corrupt().because(e))?;
        Ok(Cover { version: versions.value(row), committed_at_us: times.value(row), covers })
    };
    (0..rows.num_rows()).map(cover).collect()
}

impl Origins {
    /// Of a row with these coordinates, and of this Kafka topic and ingested at this instant, if
    /// they are known: the first commit that covers them and is not before it.
    pub fn of(
        &self,
        kafka_topic: Option<&str>,
        (partition, offset): (i32, i64),
        ingested_us: Option<i64>,
    ) -> Option<Origin> {
        let suffix = format!("/{partition}");
        let earliest = ingested_us.map_or(i64::MIN, |us| us.saturating_sub(1_000));
        self.0.iter().filter(|cover| cover.committed_at_us >= earliest).find_map(|cover| {
            let of = |(name, [start, end]): (&String, &[i64; 2])| {
                let topic = name.strip_suffix(&suffix)?;
                let is_it = kafka_topic.is_none_or(|wanted| wanted == topic);
                (is_it && (*start..*end).contains(&offset)).then(|| topic.to_owned())
            };
            let kafka_topic = cover.covers.iter().find_map(of)?;
            Some(Origin { kafka_topic, version: cover.version })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(version: i64, at_us: i64, name: &str, range: [i64; 2]) -> Cover {
        Cover { version, committed_at_us: at_us, covers: [(name.to_owned(), range)].into() }
    }

    #[test]
    fn a_row_is_of_the_first_commit_after_its_ingestion_that_covers_it() {
        let origins = Origins(vec![
            cover(1, 1_000_000, "base.np.person/0", [0, 10]),
            cover(2, 2_000_000, "file/abc/0", [0, 10]),
            cover(3, 3_000_000, "base.np.person/10", [0, 10]),
        ]);
        let of_any = |topic, partition, offset, at| {
            origins.of(topic, (partition, offset), at).map(|o| (o.kafka_topic, o.version))
        };
        let found = |partition, offset, at| of_any(None, partition, offset, at);
        assert_eq!(of_any(Some("file/abc"), 0, 9, None), Some(("file/abc".into(), 2)));
        assert_eq!(of_any(Some("file"), 0, 9, None), None);
        assert_eq!(found(0, 9, Some(900_000)), Some(("base.np.person".into(), 1)));
        assert_eq!(found(0, 9, Some(1_000_900)), Some(("base.np.person".into(), 1)));
        assert_eq!(found(0, 9, Some(1_500_000)), Some(("file/abc".into(), 2)));
        assert_eq!(found(10, 0, None), Some(("base.np.person".into(), 3)));
        assert_eq!(found(0, 10, None), None);
        assert_eq!(found(0, 1, Some(2_500_000)), None);
    }
}
