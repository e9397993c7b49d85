//! A store that is asked a bounded number of questions at once.
//!
//! Each question has a connection or a file open, and with hundreds of datasets as many tasks ask
//! at the same moment. Whoever comes later waits. An answer counts until it is read to its end or
//! dropped; one from a directory is read before it is handed on, so that no open file waits for
//! its reader. Lists and streams of deletions are not counted: they are few, and may ask in turn.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions at once of one process: far above what a core has use for, and half of what
/// `ulimit -n 256` leaves.
const AT_ONCE: usize = 64;

/// A store and the places of those who ask it.
#[derive(Debug, Clone)]
pub(crate) struct Bounded {
    inner: Arc<dyn ObjectStore>,
    places: Arc<Semaphore>,
}

impl Bounded {
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        let places = Arc::clone(&self.places);
        places.acquire_owned().await.expect("the semaphore is never closed")
    }
}

impl fmt::Display for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Bounded {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let _place = self.place().await;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let _place = self.place().await;
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(BoundedUpload { inner, store: self.clone() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let place = self.place().await;
        let found = self.inner.get_opts(path, options).await?;
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let attributes = found.attributes.clone();
        let read = match found.payload {
            GetResultPayload::Stream(answer) => answer.inspect(move |_| _ = &place).boxed(),
            _ => {
                let bytes = found.bytes().await?;
                stream::once(async move { Ok(bytes) }).boxed()
            }
        };
        let payload = GetResultPayload::Stream(read);
        Ok(GetResult { payload, meta, range, attributes })
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let _place = self.place().await;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let _place = self.place().await;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let _place = self.place().await;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let _place = self.place().await;
        self.inner.rename_opts(from, to, options).await
    }
}

struct BoundedUpload {
    inner: Box<dyn MultipartUpload>,
    store: Bounded,
}

impl fmt::Debug for BoundedUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedUpload").field(&self.store).finish()
    }
}

#[async_trait]
impl MultipartUpload for BoundedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, store) = (self.inner.put_part(data), self.store.clone());
        async move {
            let _place = store.place().await;
            part.await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let _place = self.store.place().await;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::try_join_all;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn questions_beyond_the_bound_wait_for_an_answer() {
        let (store, path) = (Bounded::new(Arc::new(InMemory::new())), Path::from("a"));
        store.put(&path, PutPayload::from_static(b"0123456789")).await.expect("it is written");
        let held = try_join_all((0..AT_ONCE).map(|_| store.get(&path)));
        let mut held = held.await.expect("each has a place");
        assert!(store.get(&path).now_or_never().is_none(), "nobody has read an answer");
        assert!(store.head(&Path::from("b")).now_or_never().is_none(), "nor is another asked");
        let answer = held.pop().expect("one of them").bytes().await.expect("it is read");
        assert_eq!(answer, "0123456789");
        let next = store.get_range(&path, 2..5).now_or_never().expect("there is a place");
        assert_eq!(next.expect("it is read"), "234");
        drop(held);
        assert_eq!(store.places.available_permits(), AT_ONCE);
    }

    #[tokio::test]
    async fn a_directory_is_read_before_the_place_is_given_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = object_store::local::LocalFileSystem::new_with_prefix(folder.path());
        let store = Bounded::new(Arc::new(inner.expect("it is there")));
        let path = Path::from("a");
        store.put(&path, PutPayload::from_static(b"0123456789")).await.expect("it is written");
        let found = store.get(&path).await.expect("it is there");
        assert_eq!(store.places.available_permits(), AT_ONCE);
        std::fs::remove_file(folder.path().join("a")).expect("it is there");
        assert_eq!(found.bytes().await.expect("it was read"), "0123456789");
    }
}
