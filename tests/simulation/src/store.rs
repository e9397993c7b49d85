//! An object store in memory that fails by plan, one numbered step per call.
//!
//! [`Depot`] holds the objects; each process has a [`Door`] to it. Every call is a step with a
//! number, a verb and a path. The plan says what happens at a step; the trace is a hash over the
//! steps of each process, by which two runs of one seed are compared.

use crate::life::{Life, State};
use crate::plan::{Fault, Lie, Plan};
use crate::time::VirtualTime;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, UploadPart,
};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A call of a process to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub number: u64,
    pub process: u64,
    pub verb: Verb,
    pub path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// A conditional creation.
    Create,
    Put,
    Get,
    List,
    Delete,
}

/// The objects, and what was done to them.
#[derive(Debug)]
pub struct Depot {
    inner: InMemory,
    time: Arc<VirtualTime>,
    lie: Option<Lie>,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Book {
    plan: Plan,
    /// When the store got each object, microseconds since 1970 UTC.
    written_us: BTreeMap<Path, i64>,
    steps: u64,
    writes: u64,
    /// FNV-1a over the steps of each process and their faults.
    traces: BTreeMap<u64, u64>,
    /// Every entry of a log that was ever written, deleted since or not.
    entries: BTreeMap<String, bytes::Bytes>,
    kept: Option<Vec<(Step, Fault)>>,
}

impl Depot {
    pub fn new(time: Arc<VirtualTime>, plan: Plan, lie: Option<Lie>, keeps_steps: bool) -> Self {
        let book = Book {
            plan,
            written_us: BTreeMap::new(),
            steps: 0,
            writes: 0,
            traces: BTreeMap::new(),
            entries: BTreeMap::new(),
            kept: keeps_steps.then(Vec::new),
        };
        Self { inner: InMemory::new(), time, lie, book: Mutex::new(book) }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing fails.
    pub fn heal(&self) {
        self.book().plan = Plan::Nothing;
    }

    /// How many calls there were, and the hash over those of each process.
    pub fn trace(&self) -> (u64, BTreeMap<u64, u64>) {
        let book = self.book();
        (book.steps, book.traces.clone())
    }

    /// The calls, where they were to be kept.
    pub fn steps(&self) -> Vec<(Step, Fault)> {
        self.book().kept.clone().unwrap_or_default()
    }

    fn begin(&self, process: u64, verb: Verb, path: &str) -> Fault {
        let mut book = self.book();
        let number = book.steps;
        book.steps += 1;
        let step = Step { number, process, verb, path: path.to_owned() };
        let fault = book.plan.fault(&step);
        let trace = book.traces.entry(process).or_insert(0xcbf2_9ce4_8422_2325);
        for byte in format!("{:?} {} {fault:?}", step.verb, step.path).bytes() {
            *trace = (*trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if let Some(kept) = &mut book.kept {
            kept.push((step, fault));
        }
        fault
    }

    /// Stores an object, or does what no store may do.
    async fn store(
        &self,
        path: &Path,
        body: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let is_lost = match self.lie {
            Some(Lie::CreateReplaces) => {
                options.mode = PutMode::Overwrite;
                false
            }
            Some(Lie::WriteLost(every)) => {
                let mut book = self.book();
                book.writes += 1;
                book.writes.is_multiple_of(every)
            }
            _ => false,
        };
        if is_lost {
            return Ok(PutResult { e_tag: None, version: None });
        }
        let done = self.inner.put_opts(path, body.clone(), options).await?;
        self.wrote(path, body);
        Ok(done)
    }

    fn wrote(&self, path: &Path, body: PutPayload) {
        let now = self.time.now_us();
        let mut book = self.book();
        book.written_us.insert(path.clone(), now);
        if path.as_ref().contains("/_delta_log/") && path.as_ref().ends_with(".json") {
            book.entries.insert(path.to_string(), body.into());
        }
    }

    /// The object's time is that of the history.
    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let written_us = self.book().written_us.get(&meta.location).copied().unwrap_or(0);
        meta.last_modified = DateTime::<Utc>::from_timestamp_micros(written_us).unwrap_or_default();
        meta
    }

    async fn listed(&self, prefix: Option<&Path>, blind: Duration) -> Result<Vec<ObjectMeta>> {
        let mut found: Vec<ObjectMeta> = self.inner.list(prefix).try_collect().await?;
        found.sort_by(|a, b| a.location.cmp(&b.location));
        let before = self.time.now_us() - i64::try_from(blind.as_micros()).unwrap_or(0);
        let seen = found.into_iter().map(|meta| self.dated(meta));
        let is_seen =
            |meta: &ObjectMeta| blind.is_zero() || meta.last_modified.timestamp_micros() < before;
        Ok(seen.filter(is_seen).collect())
    }

    /// Every entry of a log that was ever written, without a step.
    pub fn entries(&self) -> BTreeMap<String, bytes::Bytes> {
        self.book().entries.clone()
    }

    /// Every object and its size, without a step.
    pub async fn objects(&self) -> BTreeMap<String, u64> {
        let all = self.inner.list(None).try_collect::<Vec<_>>().await.expect("it is memory");
        all.into_iter().map(|meta| (meta.location.to_string(), meta.size)).collect()
    }

    /// The bytes of an object, without a step.
    pub async fn bytes(&self, path: &str) -> Option<bytes::Bytes> {
        let found = self.inner.get(&Path::from(path)).await.ok()?;
        Some(found.bytes().await.expect("it is memory"))
    }
}

/// The store as one process sees it.
#[derive(Debug, Clone)]
pub struct Door {
    pub depot: Arc<Depot>,
    pub life: Arc<Life>,
    pub process: u64,
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "depot, as process {} sees it", self.process)
    }
}

fn no_answer() -> Error {
    Error::Generic { store: "depot", source: "503 Slow Down".into() }
}

impl Door {
    async fn die(&self) -> ! {
        self.life.set(State::Dead);
        std::future::pending().await
    }

    async fn wait(&self, span: Duration) {
        self.depot.time.sleep(span).await;
        self.life.gate().await;
    }

    /// One call: `act` is done at one instant, and the fault lies before or after it.
    async fn call<T, F: Future<Output = Result<T>>>(
        &self,
        verb: Verb,
        path: &str,
        act: impl FnOnce(Fault) -> F,
    ) -> Result<T> {
        self.life.gate().await;
        let fault = self.depot.begin(self.process, verb, path);
        match fault {
            Fault::CrashBefore => self.die().await,
            Fault::Error => {
                self.wait(Duration::from_millis(1)).await;
                return Err(no_answer());
            }
            Fault::Delay(span) => self.wait(span).await,
            _ => self.wait(Duration::from_micros(700)).await,
        }
        let done = act(fault).await;
        match fault {
            Fault::CrashAfter => self.die().await,
            Fault::AnswerLost | Fault::Torn if done.is_ok() => {
                self.wait(Duration::from_millis(1)).await;
                Err(no_answer())
            }
            _ => {
                self.wait(Duration::from_micros(300)).await;
                done
            }
        }
    }

    async fn put(&self, path: &Path, body: PutPayload, options: PutOptions) -> Result<PutResult> {
        let verb = if options.mode == PutMode::Create { Verb::Create } else { Verb::Put };
        let depot = &self.depot;
        let act = async |fault| {
            let body = match fault {
                // A conditional creation is atomic in every store; a file may be left half.
                Fault::Torn if verb == Verb::Put => {
                    let bytes = bytes::Bytes::from(body);
                    PutPayload::from(bytes.slice(..bytes.len() / 2))
                }
                _ => body,
            };
            depot.store(path, body, options).await
        };
        self.call(verb, path.as_ref(), act).await
    }

    async fn list_all(self, prefix: Option<Path>) -> Result<Vec<ObjectMeta>> {
        let text = prefix.as_ref().map_or(String::new(), Path::to_string);
        let depot = Arc::clone(&self.depot);
        let act = async |fault| match fault {
            Fault::Blind(span) => depot.listed(prefix.as_ref(), span).await,
            _ => depot.listed(prefix.as_ref(), Duration::ZERO).await,
        };
        self.call(Verb::List, &text, act).await
    }

    async fn delete_one(self, path: Result<Path>) -> Result<Path> {
        let path = path?;
        let depot = Arc::clone(&self.depot);
        let act = async |_| {
            depot.inner.delete(&path).await?;
            depot.book().written_us.remove(&path);
            Ok(path.clone())
        };
        self.call(Verb::Delete, path.as_ref(), act).await
    }
}

#[async_trait]
impl ObjectStore for Door {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.put(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.life.gate().await;
        Ok(Box::new(Parts { door: self.clone(), path: path.clone(), bytes: Vec::new() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let depot = &self.depot;
        let act = async |_| {
            let mut found = depot.inner.get_opts(path, options).await?;
            found.meta = depot.dated(found.meta);
            Ok(found)
        };
        self.call(Verb::Get, path.as_ref(), act).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let door = self.clone();
        paths.then(move |path| door.clone().delete_one(path)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.clone().list_all(prefix.cloned());
        stream::once(listed).map_ok(|found| stream::iter(found).map(Ok)).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let all = self.clone().list_all(prefix.cloned()).await?;
        let root = prefix.cloned().unwrap_or_default();
        let (mut folders, mut objects) = (std::collections::BTreeSet::new(), Vec::new());
        for meta in all {
            let below: Vec<_> = match meta.location.prefix_match(&root) {
                Some(parts) => parts.collect(),
                None => continue,
            };
            match below.as_slice() {
                [] => {}
                [_] => objects.push(meta.clone()),
                [folder, ..] => {
                    folders.insert(root.clone().join(folder.clone()));
                }
            }
        }
        Ok(ListResult { common_prefixes: folders.into_iter().collect(), objects })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.depot.inner.copy_opts(from, to, options).await
    }
}

/// An upload in parts: nobody sees it before it is complete.
#[derive(Debug)]
struct Parts {
    door: Door,
    path: Path,
    bytes: Vec<u8>,
}

#[async_trait]
impl MultipartUpload for Parts {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        data.iter().for_each(|bytes| self.bytes.extend_from_slice(bytes));
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let body = PutPayload::from(std::mem::take(&mut self.bytes));
        self.door.put(&self.path, body, PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}
