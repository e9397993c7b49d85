//! A store that counts what goes through it: requests by what became of them, and bytes.
//!
//! It sits above the real store and changes nothing. A body counts when it is asked for, whether
//! it is read to its end or not. A request that is dropped before its answer counts as abandoned.

use crate::metrics::{Metrics, Outcome};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use huiliu_model::Clock;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A store and what counts its traffic.
#[derive(Clone)]
pub(crate) struct Counted {
    pub inner: Arc<dyn ObjectStore>,
    pub meter: Meter,
}

/// Counts requests by a clock.
#[derive(Clone)]
pub(crate) struct Meter {
    pub metrics: Metrics,
    pub clock: Arc<dyn Clock>,
}

impl Meter {
    fn begin(&self, operation: &'static str) -> Request {
        let began = self.clock.monotonic();
        Request { meter: self.clone(), operation, began, outcome: Outcome::Abandoned }
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        asked: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut request = self.begin(operation);
        let result = asked.await;
        request.outcome = Outcome::of(&result);
        result
    }

    /// A stream that counts as one request, which fails with its first error.
    fn flow<T: 'static>(
        &self,
        operation: &'static str,
        items: BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        let mut request = self.begin(operation);
        request.outcome = Outcome::Ok;
        let note = move |item: &Result<T>| {
            if let (Outcome::Ok, Err(error)) = (request.outcome, item) {
                request.outcome = Outcome::of_error(error);
            }
        };
        items.inspect(note).boxed()
    }
}

/// A request under way; it is counted when it is dropped.
struct Request {
    meter: Meter,
    operation: &'static str,
    began: Duration,
    outcome: Outcome,
}

impl Drop for Request {
    fn drop(&mut self) {
        let took = self.meter.clock.monotonic().saturating_sub(self.began);
        self.meter.metrics.asked(self.operation, self.outcome, took);
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counted").field(&self.inner).finish()
    }
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
        self.meter.metrics.wrote(payload.content_length());
        self.meter.ask("put", self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.inner.put_multipart_opts(path, options);
        let inner = self.meter.ask("multipart_begin", begun).await?;
        Ok(Box::new(CountedUpload { inner, meter: self.meter.clone() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let operation = if options.head { "head" } else { "get" };
        let found = self.meter.ask(operation, self.inner.get_opts(path, options)).await?;
        if operation == "get" {
            self.meter.metrics.read(found.range.end.saturating_sub(found.range.start));
        }
        Ok(found)
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bytes: u64 = ranges.iter().map(|r| r.end.saturating_sub(r.start)).sum();
        self.meter.metrics.read(bytes);
        self.meter.ask("get", self.inner.get_ranges(path, ranges)).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.meter.flow("delete", self.inner.delete_stream(paths))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.meter.flow("list", self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.meter.flow("list", self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.meter.ask("list", self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.meter.ask("copy", self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.meter.ask("rename", self.inner.rename_opts(from, to, options)).await
    }
}

struct CountedUpload {
    inner: Box<dyn MultipartUpload>,
    meter: Meter,
}

impl fmt::Debug for CountedUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountedUpload").field(&self.inner).finish()
    }
}

#[async_trait]
impl MultipartUpload for CountedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.meter.metrics.wrote(data.content_length());
        let (part, meter) = (self.inner.put_part(data), self.meter.clone());
        async move { meter.ask("multipart_part", part).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.meter.ask("multipart_end", self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.meter.ask("multipart_abort", self.inner.abort()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Passed;
    use huiliu_model::clock::SystemClock;
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt, PutMode};
    use prometheus::{Registry, TextEncoder};

    fn counted() -> (Counted, Registry) {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("distinct names");
        let meter = Meter { metrics, clock: Arc::new(SystemClock::default()) };
        (Counted { inner: Arc::new(InMemory::new()), meter }, registry)
    }

    #[tokio::test]
    async fn bytes_count_as_they_pass_and_ranges_as_they_are_asked_for() {
        let (store, _) = counted();
        let passed = || store.meter.metrics.passed();
        let path = Path::from("a");
        store.put(&path, PutPayload::from_static(b"0123456789")).await.expect("it is written");
        store.head(&path).await.expect("it is there");
        let written = passed();
        assert_eq!(written, Passed { requests: 2, read_bytes: 0, written_bytes: 10 });
        store.get_range(&path, 2..5).await.expect("it is read");
        store.get_ranges(&path, &[0..1, 8..10]).await.expect("it is read");
        let read = passed().since(written);
        assert_eq!(read, Passed { requests: 2, read_bytes: 6, written_bytes: 0 });
    }

    #[tokio::test]
    async fn requests_count_by_what_became_of_them() {
        let (store, registry) = counted();
        let (path, body) = (Path::from("a"), || PutPayload::from_static(b"x"));
        let create = || store.put_opts(&path, body(), PutMode::Create.into());
        create().await.expect("it is new");
        create().await.expect_err("it is there");
        store.get(&Path::from("b")).await.expect_err("it is not there");
        assert_eq!(store.list(None).count().await, 1);
        drop(store.get(&path));
        let mut part = store.put_multipart(&Path::from("c")).await.expect("it begins");
        part.put_part(body()).await.expect("it is taken");
        part.complete().await.expect("it is whole");
        let text = TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        let requests: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("huiliu_object_store_requests_total{"))
            .filter(|line| !line.ends_with(" 0"))
            .map(|line| line.trim_start_matches("huiliu_object_store_requests_total"))
            .collect();
        let expected = [
            r#"{operation="get",outcome="not_found"} 1"#,
            r#"{operation="list",outcome="ok"} 1"#,
            r#"{operation="multipart_begin",outcome="ok"} 1"#,
            r#"{operation="multipart_end",outcome="ok"} 1"#,
            r#"{operation="multipart_part",outcome="ok"} 1"#,
            r#"{operation="put",outcome="exists"} 1"#,
            r#"{operation="put",outcome="ok"} 1"#,
        ];
        assert_eq!(requests, expected, "a request that never began is none");
        let begun = Box::pin(store.meter.ask("get", std::future::pending::<Result<()>>()));
        let waited = tokio::time::timeout(Duration::from_millis(1), begun).await;
        waited.expect_err("it never answers");
        let text = TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        assert!(text.contains(r#"{operation="get",outcome="abandoned"} 1"#), "{text}");
    }
}
