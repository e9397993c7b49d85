//! A store in memory that loses answers, or gives them late, by script.

use async_trait::async_trait;
use futures::stream::BoxStream;
use huiliu_testkit::HandClock;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Stores what it is given but loses the answer to the commits it is told to, and answers uploads
/// of files when so much time has passed for whoever uploads.
#[derive(Debug)]
pub struct LossyStore {
    inner: InMemory,
    pub lose_answers: AtomicI64,
    pub answer_after: Mutex<Option<(Arc<HandClock>, Duration)>>,
}

impl std::fmt::Display for LossyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("lossy")
    }
}

#[async_trait]
impl ObjectStore for LossyStore {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let commit = options.mode == PutMode::Create;
        let result = self.inner.put_opts(path, payload, options).await?;
        if commit && self.lose_answers.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(object_store::Error::Generic { store: "lossy", source: "timeout".into() });
        }
        if let Some((clock, late)) = &*self.answer_after.lock().expect("nobody panicked")
            && !commit
        {
            clock.advance(*late);
        }
        Ok(result)
    }
    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
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
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An empty store that loses nothing until told.
pub fn store() -> Arc<LossyStore> {
    let (lose_answers, answer_after) = (AtomicI64::new(0), Mutex::new(None));
    Arc::new(LossyStore { inner: InMemory::new(), lose_answers, answer_after })
}
