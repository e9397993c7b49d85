//! A store that counts what goes through it: the cost of a refresh in bytes and requests.
//!
//! It sits above the real store and changes nothing. A body counts when it is asked for, whether
//! it is read to its end or not; listings and deletions count as requests only.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What went through a store since it was opened.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    pub requests: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
}

impl Traffic {
    pub fn passed(&self) -> Passed {
        Passed {
            requests: self.requests.load(Ordering::Relaxed),
            read_bytes: self.read.load(Ordering::Relaxed),
            written_bytes: self.written.load(Ordering::Relaxed),
        }
    }

    fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Passed {
    /// What passed since an earlier moment.
    pub fn since(self, earlier: Passed) -> Passed {
        Passed {
            requests: self.requests - earlier.requests,
            read_bytes: self.read_bytes - earlier.read_bytes,
            written_bytes: self.written_bytes - earlier.written_bytes,
        }
    }
}

/// A store and the counters of what goes through it.
#[derive(Debug)]
pub(crate) struct Counted {
    pub inner: Arc<dyn ObjectStore>,
    pub traffic: Arc<Traffic>,
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counted {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.traffic.request();
        self.traffic.wrote(payload.content_length());
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.traffic.request();
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(CountedUpload { inner, traffic: Arc::clone(&self.traffic) }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.traffic.request();
        let head = options.head;
        let found = self.inner.get_opts(path, options).await?;
        if !head {
            let bytes = found.range.end.saturating_sub(found.range.start);
            self.traffic.read.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(found)
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.traffic.request();
        let bytes: u64 = ranges.iter().map(|r| r.end.saturating_sub(r.start)).sum();
        self.traffic.read.fetch_add(bytes, Ordering::Relaxed);
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.traffic.request();
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.traffic.request();
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.traffic.request();
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.traffic.request();
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.traffic.request();
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct CountedUpload {
    inner: Box<dyn MultipartUpload>,
    traffic: Arc<Traffic>,
}

#[async_trait]
impl MultipartUpload for CountedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.traffic.request();
        self.traffic.wrote(data.content_length());
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.traffic.request();
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn bytes_count_as_they_pass_and_ranges_as_they_are_asked_for() {
        let traffic = Arc::new(Traffic::default());
        let store = Counted { inner: Arc::new(InMemory::new()), traffic: Arc::clone(&traffic) };
        let path = Path::from("a");
        store.put(&path, PutPayload::from_static(b"0123456789")).await.expect("it is written");
        store.head(&path).await.expect("it is there");
        let written = traffic.passed();
        assert_eq!(written, Passed { requests: 2, read_bytes: 0, written_bytes: 10 });
        store.get_range(&path, 2..5).await.expect("it is read");
        store.get_ranges(&path, &[0..1, 8..10]).await.expect("it is read");
        let read = traffic.passed().since(written);
        assert_eq!(read, Passed { requests: 2, read_bytes: 6, written_bytes: 0 });
    }
}
