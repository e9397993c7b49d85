//! Reading one Parquet file of known size from the store.

use crate::error::parquet_error;
use crate::footers::Footers;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use huiliu_model::Error;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use std::ops::Range;
use std::sync::Arc;

/// A file in the store, as Parquet's asynchronous reader wants it.
pub struct StoredFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    pages: PageIndexPolicy,
}

impl StoredFile {
    /// Opens a file for streaming: one request for its footer.
    ///
    /// # Errors
    /// `Corrupt` when it is no Parquet file or is not there.
    pub async fn open(
        store: &Arc<dyn ObjectStore>,
        path: Path,
        size: u64,
    ) -> Result<ParquetRecordBatchStreamBuilder<StoredFile>, Error> {
        let failed = |e| parquet_error(&format!("reading `{path}`"), e);
        let pages = PageIndexPolicy::Skip;
        let file = StoredFile { store: Arc::clone(store), path: path.clone(), size, pages };
        ParquetRecordBatchStreamBuilder::new(file).await.map_err(failed)
    }

    /// As [`StoredFile::open`], with the places of its pages and their bounds as far as it has
    /// them, so that single rows can be read. A footer that was read before is not read again.
    ///
    /// # Errors
    /// As [`StoredFile::open`].
    pub async fn open_indexed(
        store: &Arc<dyn ObjectStore>,
        path: Path,
        size: u64,
        footers: &Footers,
    ) -> Result<ParquetRecordBatchStreamBuilder<StoredFile>, Error> {
        let failed = |e| parquet_error(&format!("reading `{path}`"), e);
        let pages = PageIndexPolicy::Optional;
        let mut file = StoredFile { store: Arc::clone(store), path: path.clone(), size, pages };
        let footer = match footers.get(&path) {
            Some(known) => known,
            None => {
                let read = ArrowReaderMetadata::load_async(&mut file, ArrowReaderOptions::new());
                let read = read.await.map_err(failed)?;
                footers.keep(&path, &read);
                read
            }
        };
        Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(file, footer))
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.store.get_range(&self.path, range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let (size, pages) = (self.size, self.pages);
            let metadata = ParquetMetaDataReader::new()
                .with_page_index_policy(pages)
                .with_prefetch_hint(Some(16 << 10))
                .load_and_finish(self, size)
                .await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}
