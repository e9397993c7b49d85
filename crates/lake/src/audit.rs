//! The audit: chains of receipts, their ledger, and the rows counted again.
//!
//! A posting of the chain is a function from a range of versions to one commit of `ledger.chain`,
//! as those of [`crate::posting`] are.

use crate::chain::{Chain, Fault, Posted, Tied};
use crate::commit::Step;
use crate::dataset::Dataset;
use crate::error::{arrow_error, query_error};
use crate::lake::Lake;
use crate::ledger::Ledger;
use crate::log::{MAINTENANCE, read_commit};
use crate::maintain::{Kind, Target};
use crate::receipt::{Receipt, receipt_of};
use crate::scan::{PinnedFiles, session};
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use huiliu_model::{Error, ErrorKind, system};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ledger of the receipts of `changes`, as their log had them.
pub const CHAIN_LEDGER: &str = "chain";
const TITLE: &str = "回执链 chain of receipts";
/// Versions of one dataset that are posted in one commit.
const VERSIONS_MAX: i64 = 1_000;
/// Memory of the count; beyond it, it spills.
const MEMORY_BYTES: usize = 128 << 20;

/// What the audit of one table found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    pub chain: Chain,
    /// Receipts whose offsets were counted again in the tables.
    pub recounted: u64,
    /// Receipts that could not be, and why.
    pub not_recounted: u64,
    pub why_not: Option<&'static str>,
    pub offsets: u64,
    /// The receipts of `changes`, oldest first, for who can count them in yet another place.
    pub receipts: Vec<Receipt>,
}

fn schema() -> SchemaRef {
    let field = |name: &str, data_type, nullable, comment: &str| {
        let comment = [("comment".to_owned(), comment.to_owned())];
        Field::new(name, data_type, nullable).with_metadata(comment.into())
    };
    let text = DataType::Utf8;
    Arc::new(Schema::new(vec![
        field("dataset", text.clone(), false, "数据资源 dataset"),
        field("changes_version", DataType::Int64, false, "version of changes.<dataset>"),
        field("committed_at", system::timestamp(), false, "提交时间 time of the commit"),
        field("sm3", text.clone(), false, "SM3 of the receipt"),
        field("receipt", text, false, "回执 the line of the log, as it is"),
    ]))
}

impl Lake {
    /// Posts the receipts of `changes` that `ledger.chain` lacks; returns how many.
    ///
    /// # Errors
    /// As the store answers; `Corrupt` when a log entry is gone before it was posted.
    pub(crate) async fn post_chain(&self, dataset: &Dataset) -> Result<u64, Error> {
        let ledger = self.ledger(CHAIN_LEDGER, TITLE, schema()).await?;
        let name = dataset.contract.dataset.as_ref();
        let newest = dataset.changes.refresh().await?.version;
        let mut posted = 0;
        loop {
            // Version 0 makes the table: it is posted too, so a chain in the ledger is whole.
            let from = ledger.progress().await?.get(name).copied();
            let begin = from.map_or(0, |from| from + 1);
            if begin > newest {
                return Ok(posted);
            }
            let to = newest.min(begin + VERSIONS_MAX - 1);
            let rows = posted_rows(dataset, begin, to).await?;
            let step = Step { app_id: name.to_owned(), from, to, or_nothing: false };
            posted += rows.num_rows() as u64;
            ledger.append(rows, vec![step], json!({"dataset": name, "to": to})).await?;
        }
    }

    /// Walks the chain of a table, which must go `through` a digest that was kept elsewhere, and
    /// counts the rows of `changes` and `quarantine` again.
    ///
    /// # Errors
    /// As the store answers; what does not add up is the chain's fault, not an error.
    pub async fn audit(
        &self,
        target: &Target,
        through: Option<(i64, &str)>,
    ) -> Result<Audited, Error> {
        let dataset = target.dataset().filter(|_| target.kind == Kind::Changes);
        let posted = match dataset {
            Some(dataset) => self.posted_receipts(&dataset.contract.dataset).await?,
            None => BTreeMap::new(),
        };
        let chain = target.table().walk_chain(&target.name, &posted, through).await?;
        let mut audited = Audited { chain, ..Audited::default() };
        if let Some(dataset) = dataset
            && audited.chain.fault.is_none()
        {
            let Said { receipts, dropped_before_ms } =
                said(dataset, &posted, &audited.chain).await?;
            recount(self, dataset, &receipts, dropped_before_ms, &mut audited).await?;
            audited.receipts = receipts;
        }
        Ok(audited)
    }

    /// The chain of a table by itself.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn chain(&self, target: &Target) -> Result<Chain, Error> {
        let posted = match target.dataset().filter(|_| target.kind == Kind::Changes) {
            Some(dataset) => self.posted_receipts(&dataset.contract.dataset).await?,
            None => BTreeMap::new(),
        };
        target.table().walk_chain(&target.name, &posted, None).await
    }

    async fn posted_receipts(&self, dataset: &str) -> Result<BTreeMap<i64, Posted>, Error> {
        let Some(ledger) = self.existing_ledger(CHAIN_LEDGER).await? else {
            return Ok(BTreeMap::new());
        };
        let rows = ledger_rows(&ledger).await?;
        let text = |column: usize| rows.column(column).as_string::<i32>();
        let versions = rows.column(1).as_primitive::<Int64Type>();
        let own = (0..rows.num_rows()).filter(|&row| text(0).value(row) == dataset);
        let posted = own.map(|row| {
            let (digest, info) = (text(3).value(row).to_owned(), text(4).value(row).to_owned());
            (versions.value(row), Posted { digest, info })
        });
        Ok(posted.collect())
    }
}

async fn ledger_rows(ledger: &Ledger) -> Result<RecordBatch, Error> {
    let rows = ledger.rows().await?;
    if rows.schema().fields().len() == schema().fields().len() {
        return Ok(rows);
    }
    let text = format!("ledger.{CHAIN_LEDGER} has other columns");
    Err(Error::new(ErrorKind::Corrupt, text).help("another tool wrote it"))
}

async fn posted_rows(dataset: &Dataset, begin: i64, to: i64) -> Result<RecordBatch, Error> {
    let table = &dataset.changes;
    let (mut versions, mut times, mut digests, mut receipts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for version in begin..=to {
        let Some(text) = read_commit(table.store().as_ref(), table.path(), version).await? else {
            let text = format!("version {version} of `{}` is gone from its log", table.path());
            return Err(Error::new(ErrorKind::Corrupt, text)
                .help("the ledger reads every log entry once before the log may be cut"));
        };
        let tied = Tied::of(&text);
        versions.push(version);
        times.push(tied.committed_at_ms().max(0).saturating_mul(1_000));
        digests.push(tied.digest());
        receipts.push(String::from_utf8_lossy(tied.info).into_owned());
    }
    let name = dataset.contract.dataset.as_ref();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(name, versions.len()))),
        Arc::new(Int64Array::from(versions)),
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")),
        Arc::new(StringArray::from(digests)),
        Arc::new(StringArray::from(receipts)),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| arrow_error("writing the chain", e))
}

/// Every distinct offset of a receipt's ranges is in `quarantine`, or in `changes` alone, just as
/// often as the receipt says.
async fn recount(
    lake: &Lake,
    dataset: &Dataset,
    receipts: &[Receipt],
    dropped_before_ms: i64,
    audited: &mut Audited,
) -> Result<(), Error> {
    if let Some(fault) = receipts.iter().find_map(unbalanced) {
        audited.chain.fault = Some(fault);
        return Ok(());
    }
    let ids = receipts.iter().flat_map(|r| r.covers.keys());
    let topics: BTreeSet<&str> = ids.filter_map(|id| Some(partition(id)?.0)).collect();
    audited.offsets = receipts.iter().flat_map(|r| r.covers.values()).map(length).sum();
    let kept = |r: &&Receipt| r.committed_at_ms >= dropped_before_ms;
    let counted: Vec<&Receipt> = receipts.iter().filter(kept).collect();
    audited.not_recounted = (receipts.len() - counted.len()) as u64;
    if audited.not_recounted > 0 {
        audited.why_not = Some("their rows are older than `land.retain` and were dropped");
    }
    // Of one topic all rows are, those too that were written before rows named theirs.
    let only = topics.first().copied().filter(|_| topics.len() == 1);
    let found = count(distinct(lake, dataset, only).await?, &counted).await?;
    for (receipt, found) in counted.iter().zip(found) {
        let Some([accepted, rejected]) = found else {
            audited.not_recounted += 1;
            audited.why_not = Some("rows of theirs do not name which kafka topic they came from");
            continue;
        };
        let says = [receipt.tally.accepted, receipt.tally.rejected];
        if says != [accepted, rejected] {
            let what = format!(
                "the receipt says {} accepted and {} rejected of {}, the tables have {accepted} \
                 and {rejected}",
                says[0],
                says[1],
                json!(receipt.covers)
            );
            audited.chain.fault = Some(Fault { version: receipt.version, what });
            return Ok(());
        }
        audited.recounted += 1;
    }
    Ok(())
}

/// Kafka topic and number.
fn partition(id: &str) -> Option<(&str, i32)> {
    let (topic, number) = id.rsplit_once('/')?;
    Some((topic, number.parse().ok()?))
}

fn length(range: &[i64; 2]) -> u64 {
    u64::try_from(range[1] - range[0]).unwrap_or(0)
}

/// The conservation equation of a receipt.
fn unbalanced(receipt: &Receipt) -> Option<Fault> {
    let covered: u64 = receipt.covers.values().map(length).sum();
    let tally = &receipt.tally;
    let counted = tally.accepted + tally.rejected + tally.tombstones + tally.control + tally.gaps;
    (covered != counted).then(|| Fault {
        version: receipt.version,
        what: format!("its receipt covers {covered} offsets and accounts for {counted}"),
    })
}

/// What the receipts say, oldest first.
struct Said {
    receipts: Vec<Receipt>,
    /// Rows of earlier commits may have been dropped.
    dropped_before_ms: i64,
}

async fn said(
    dataset: &Dataset,
    posted: &BTreeMap<i64, Posted>,
    chain: &Chain,
) -> Result<Said, Error> {
    let mut said = Said { receipts: Vec::new(), dropped_before_ms: i64::MIN };
    let table = &dataset.changes;
    let mut take = |version: i64, info: &[u8]| {
        let line: Value = serde_json::from_slice(info).unwrap_or(Value::Null);
        let drop = format!("/commitInfo/huiliu/{MAINTENANCE}/did/drop/committed_before_ms");
        if let Some(before) = line.pointer(&drop).and_then(Value::as_i64) {
            said.dropped_before_ms = said.dropped_before_ms.max(before);
        }
        if let Some(receipt) = receipt_of(version, info) {
            said.receipts.push(receipt);
        }
    };
    for (version, posted) in posted.range(..chain.log_begins) {
        take(*version, posted.info.as_bytes());
    }
    for version in chain.log_begins..=chain.newest {
        if let Some(text) = read_commit(table.store().as_ref(), table.path(), version).await? {
            take(version, Tied::of(&text).info);
        }
    }
    Ok(said)
}

/// Ranges of offsets of one partition, ascending, and the receipts that have them.
type Ranges = Vec<([i64; 2], usize)>;

/// For each receipt, how many of its offsets are in `changes` alone, and in `quarantine`; none
/// where one may be of another topic. A reject that was replayed is in both tables, and was
/// rejected when the receipt was written.
async fn count(
    mut rows: SendableRecordBatchStream,
    receipts: &[&Receipt],
) -> Result<Vec<Option<[u64; 2]>>, Error> {
    let mut covered: BTreeMap<&str, BTreeMap<i32, Ranges>> = BTreeMap::new();
    for (index, receipt) in receipts.iter().enumerate() {
        for (id, range) in &receipt.covers {
            let Some((topic, number)) = partition(id) else { continue };
            covered.entry(topic).or_default().entry(number).or_default().push((*range, index));
        }
    }
    covered.values_mut().flat_map(BTreeMap::values_mut).for_each(|ranges| ranges.sort_unstable());
    let mut counts = vec![Some([0, 0]); receipts.len()];
    let failed = |e| query_error("counting offsets", e);
    while let Some(batch) = rows.try_next().await.map_err(failed)? {
        let topics = batch.column(0).as_string::<i32>();
        let partitions = batch.column(1).as_primitive::<Int32Type>();
        let offsets = batch.column(2).as_primitive::<Int64Type>();
        let rejected = batch.column(3).as_boolean();
        for row in 0..batch.num_rows() {
            let (number, offset) = (partitions.value(row), offsets.value(row));
            let of = |of_topic: &BTreeMap<i32, Ranges>| holder(of_topic.get(&number)?, offset);
            if topics.is_null(row) {
                covered.values().filter_map(of).for_each(|index| counts[index] = None);
            } else if let Some(index) = covered.get(topics.value(row)).and_then(of)
                && let Some(count) = &mut counts[index]
            {
                count[usize::from(rejected.value(row))] += 1;
            }
        }
    }
    Ok(counts)
}

/// The receipt that has an offset.
fn holder(ranges: &Ranges, offset: i64) -> Option<usize> {
    let after = ranges.partition_point(|([start, _], _)| *start <= offset);
    let ([_, end], index) = ranges.get(after.checked_sub(1)?)?;
    (offset < *end).then_some(*index)
}

/// Every offset of `changes` and `quarantine` once: Kafka topic, partition, offset, whether it was
/// rejected. Rows that name no topic are of the only one, if there is one.
async fn distinct(
    lake: &Lake,
    dataset: &Dataset,
    only: Option<&str>,
) -> Result<SendableRecordBatchStream, Error> {
    let failed = |e| query_error("counting offsets", e);
    let memory_bytes = lake.shared().memory.session_bytes(MEMORY_BYTES);
    let ctx = session(Arc::clone(lake.store()), memory_bytes, lake.room())?;
    let quarantine = Arc::new(Schema::new(system::quarantine_fields()));
    let tables = [
        ("accepted", &dataset.changes, Arc::clone(&dataset.changes_schema)),
        ("rejected", &dataset.quarantine, quarantine),
    ];
    for (name, table, schema) in tables {
        let state = table.refresh().await?;
        let files = PinnedFiles::new(table.path(), schema, &state.files);
        ctx.register_table(name, Arc::new(files)).map_err(failed)?;
    }
    let topic = match only {
        Some(only) => format!("coalesce({}, '{}')", system::KAFKA_TOPIC, only.replace('\'', "''")),
        None => system::KAFKA_TOPIC.to_owned(),
    };
    let sql = format!(
        "SELECT t, p, o, bool_or(r) FROM (\
         SELECT {topic} AS t, {p} AS p, {o} AS o, false AS r FROM accepted WHERE {n} <> {added} \
         UNION ALL SELECT kafka_topic, {p}, {o}, true FROM rejected) GROUP BY t, p, o",
        n = system::ORDINAL,
        added = system::TRUNCATED,
        p = system::PARTITION,
        o = system::OFFSET
    );
    ctx.sql(&sql).await.map_err(failed)?.execute_stream().await.map_err(failed)
}
