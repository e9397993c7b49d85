//! Merge on read by bucket, where rows lack cells that older rows have.
//!
//! What the fold would write is worked out bucket by bucket while it is read, by the fold's own
//! merge, so that both are one. Memory is one bucket for each of the streams that run at once;
//! each reads all pending changes, which are few beside the table. Buckets without pending
//! changes are read as files.

use crate::dataset::Dataset;
use crate::error::query_error;
use crate::fold::{Merger, Pending, files_of, read_all};
use crate::log::{FileMeta, TableState};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{Stream, TryStreamExt, stream};
use huiliu_model::{Error, ErrorKind, compute};
use std::fmt;
use std::sync::Arc;

/// The versions that are merged.
pub(crate) struct Versions {
    pub dataset: Arc<Dataset>,
    pub current: TableState,
    pub deleted: TableState,
    pub pending: Vec<(String, FileMeta)>,
    /// Changes made whole, beside those in files; none is usual.
    pub adopted: Option<RecordBatch>,
}

/// The merged rows of some buckets of a dataset.
struct Share {
    versions: Arc<Versions>,
    merger: Merger,
    buckets: Vec<i32>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dataset = &self.versions.dataset.contract.dataset;
        write!(f, "{} merged buckets of {dataset}", self.buckets.len())
    }
}

/// A table of the merged rows of `buckets`, read by at most `streams` at once.
///
/// # Errors
/// `Bug` when the schemas do not fit.
pub(crate) fn merged_buckets(
    versions: Versions,
    buckets: &[i32],
    streams: usize,
) -> Result<Arc<dyn TableProvider>, Error> {
    let versions = Arc::new(versions);
    let merger = Merger::new(&versions.dataset)?;
    let schema = Arc::clone(&versions.dataset.current_schema);
    let share = |buckets: &[i32]| -> Arc<dyn PartitionStream> {
        let (versions, merger) = (Arc::clone(&versions), merger.clone());
        Arc::new(Share { versions, merger, buckets: buckets.to_vec() })
    };
    let shares = buckets.chunks(buckets.len().div_ceil(streams.max(1)).max(1)).map(share);
    let table = StreamingTable::try_new(schema, shares.collect())
        .map_err(|e| query_error("merging buckets on read", e))?;
    Ok(Arc::new(table))
}

impl PartitionStream for Share {
    fn schema(&self) -> &SchemaRef {
        &self.versions.dataset.current_schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(self.schema());
        let rows =
            self.rows().map_err(|e| datafusion::error::DataFusionError::External(Box::new(e)));
        Box::pin(RecordBatchStreamAdapter::new(schema, rows))
    }
}

impl Share {
    fn rows(&self) -> impl Stream<Item = Result<RecordBatch, Error>> + Send + use<> {
        let (versions, merger) = (Arc::clone(&self.versions), self.merger.clone());
        let buckets = self.buckets.clone();
        let opened = async move {
            let data = &versions.dataset;
            let files = &versions.pending;
            let mut pending = Pending::open(&data.changes, &data.changes_schema, files).await?;
            pending.add(versions.adopted.clone())?;
            let merging = Merging { versions, merger, pending, buckets };
            Ok::<_, Error>(stream::try_unfold(merging, Merging::next))
        };
        stream::once(opened).try_flatten()
    }
}

/// A share as far as it is read.
struct Merging {
    versions: Arc<Versions>,
    merger: Merger,
    pending: Pending,
    buckets: Vec<i32>,
}

impl Merging {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>, Error> {
        while let Some((bucket, changes)) = self.pending.next_bucket().await? {
            if !self.buckets.contains(&bucket) {
                continue;
            }
            let (data, versions) = (&self.versions.dataset, &self.versions);
            let files = files_of(&versions.current, bucket);
            let current = read_all(&data.current, &data.current_schema, &files).await?;
            let files = files_of(&versions.deleted, bucket);
            let deleted = read_all(&data.deleted, &data.deleted_schema, &files).await?;
            let merger = self.merger.clone();
            let merged = compute(move || merger.merge(&current, &deleted, &changes))
                .await
                .map_err(|e| Error::new(ErrorKind::Bug, "merging stopped").because(e))??;
            return Ok(Some((merged.current, self)));
        }
        Ok(None)
    }
}
