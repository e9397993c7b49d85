//! The examination of a sound store and of one that lets every creator win.

use super::*;
use async_trait::async_trait;
use futures::stream::BoxStream;
use huiliu_model::clock::SystemClock;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    PutMultipartOptions, PutOptions, PutResult, Result,
};

/// A store that takes `If-None-Match` for a remark.
#[derive(Debug)]
struct Overwriting(InMemory);

impl std::fmt::Display for Overwriting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("overwriting")
    }
}

#[async_trait]
impl ObjectStore for Overwriting {
    async fn put_opts(&self, path: &Path, body: PutPayload, _: PutOptions) -> Result<PutResult> {
        self.0.put_opts(path, body, PutMode::Overwrite.into()).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_sound_store_passes_and_nothing_is_left_in_it() {
    let store = InMemory::new();
    let found = of_store(&store, &SystemClock::default()).await;
    for (right, outcome) in &found.rights {
        assert!(outcome.is_ok(), "{right}: {outcome:?}");
    }
    assert_eq!(found.rights.len(), 4);
    assert!(found.race.is_ok());
    assert!(found.skew_ms.expect("its clock is told").abs() < 5_000);
    let left: Vec<_> = store.list(None).try_collect().await.expect("it lists");
    assert_eq!(left, []);
}

#[tokio::test]
async fn a_store_that_overwrites_is_found_out_by_the_race() {
    let lax = Overwriting(InMemory::new());
    let found = of_store(&lax, &SystemClock::default()).await;
    let error = found.race.expect_err("all of them win");
    assert_eq!(error.message, "of 8 creators of one object 8 won, not one");
}
