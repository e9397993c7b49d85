//! A file as a source: one partition, read on a thread of its own from the recorded row on.
//!
//! The thread asks for progress as Kafka's does, and hands over chunks against a budget of bytes
//! that are given back when they have landed. It ends with the file, or after the chunk at hand
//! when it is told to stop or to pause: what was handed over is landed, the rest is read the next
//! time.

use crate::chunk::Chunk;
use crate::examine::Delivery;
use crate::rows::Rows;
use async_trait::async_trait;
use huiliu_model::port::{Release, Source, SourceEvent};
use huiliu_model::{Contract, Error, ErrorKind, Progress};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Chunks between the reading thread and ingestion; they are bounded by bytes besides.
const QUEUE_CHUNKS: usize = 2;
/// Bytes of one permit of the budget.
const PERMIT_BYTES: usize = 1 << 10;

/// How far a file is read; shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Meter {
    /// Bytes read, as delivered; of Parquet the share that its rows make.
    pub bytes: AtomicU64,
    /// The row that comes next.
    pub row: AtomicU64,
    /// The row that reading began with: those before it had landed earlier.
    pub first_row: AtomicU64,
    /// The last row was read.
    pub is_over: AtomicBool,
}

/// The rows of one file.
pub struct FileSource {
    events: mpsc::Receiver<Item>,
    paused: Arc<AtomicBool>,
}

enum Item {
    Event(SourceEvent),
    Failed(Error),
}

impl FileSource {
    /// Begins to read on a thread of its own; must be called inside a runtime.
    ///
    /// `contract` is that of [`Delivery::contract`]; `timestamp_ms` is written to every row as
    /// its Kafka time. At most `budget_bytes` are handed over and not landed; one row may pass it.
    ///
    /// # Errors
    /// `Unavailable` when the system gives no thread.
    pub fn start(
        delivery: Arc<Delivery>,
        contract: Arc<Contract>,
        timestamp_ms: i64,
        budget_bytes: usize,
        stop: CancellationToken,
        meter: Arc<Meter>,
    ) -> Result<Self, Error> {
        let (events, queue) = mpsc::channel(QUEUE_CHUNKS);
        let permits = (budget_bytes / PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS >> 1);
        let paused = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            paused: Arc::clone(&paused),
            delivery,
            contract,
            timestamp_ms,
            events,
            permits: u32::try_from(permits).unwrap_or(u32::MAX),
            budget: Arc::new(Semaphore::new(permits)),
            runtime: Handle::current(),
            stop,
            meter,
        };
        let thread =
            std::thread::Builder::new().name("file".to_owned()).spawn(move || reader.run());
        thread.map_err(|source| {
            Error::new(ErrorKind::Unavailable, "the system gives no thread").because(source)
        })?;
        Ok(Self { events: queue, paused })
    }
}

#[async_trait]
impl Source for FileSource {
    async fn next(&mut self) -> Result<Option<SourceEvent>, Error> {
        match self.events.recv().await {
            Some(Item::Event(event)) => Ok(Some(event)),
            Some(Item::Failed(error)) => Err(error),
            None => Ok(None),
        }
    }

    /// A file needs no word about what is durable.
    fn durable(&self, _: &Progress) {}

    /// A file that is paused ends after the chunk at hand.
    fn pause(&self, _: &str) {
        self.paused.store(true, Ordering::Release);
    }

    /// A file is read for one dataset, whose budget holds it back.
    fn hold(&self, _: &str) {}

    fn release(&self, _: &str) {}

    /// A file that was paused has ended; it is loaded again, and goes on where it stopped.
    fn resume(&self, _: &str) {}
}

struct Reader {
    delivery: Arc<Delivery>,
    contract: Arc<Contract>,
    timestamp_ms: i64,
    events: mpsc::Sender<Item>,
    permits: u32,
    budget: Arc<Semaphore>,
    runtime: Handle,
    stop: CancellationToken,
    meter: Arc<Meter>,
    paused: Arc<AtomicBool>,
}

impl Reader {
    fn run(self) {
        if let Err(error) = self.read() {
            // Nobody listens when the session has ended by itself.
            let _ = self.events.blocking_send(Item::Failed(error));
        }
    }

    fn read(&self) -> Result<(), Error> {
        let Some(first) = self.recorded() else { return Ok(()) };
        let meter = &self.meter;
        meter.bytes.store(0, Ordering::Relaxed);
        meter.first_row.store(first.unsigned_abs(), Ordering::Relaxed);
        meter.row.store(first.unsigned_abs(), Ordering::Relaxed);
        let mut rows = Rows::open(&self.delivery, &self.contract, first, meter, &self.stop)?;
        let (dataset, partition) = (self.contract.dataset.clone(), self.delivery.partition());
        let mut chunk = Chunk::new(dataset, partition, first, self.timestamp_ms);
        while !self.stop.is_cancelled() && !self.paused.load(Ordering::Acquire) {
            let mut is_over = false;
            while !chunk.is_full() && !is_over {
                is_over = !rows.next(&mut chunk, &self.delivery)?;
            }
            self.count(&chunk);
            if !chunk.is_empty() && !self.hand_over(&mut chunk) {
                return Ok(());
            }
            if is_over {
                meter.is_over.store(true, Ordering::Release);
                return Ok(());
            }
        }
        Ok(())
    }

    fn count(&self, chunk: &Chunk) {
        let next = chunk.next().unsigned_abs();
        self.meter.row.store(next, Ordering::Relaxed);
        if let Some(rows) = self.delivery.row_count.filter(|rows| *rows > 0) {
            let share = u128::from(self.delivery.bytes) * u128::from(next) / u128::from(rows);
            self.meter.bytes.store(u64::try_from(share).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Asks for the first row that is not durable; `None` when nobody answers any more.
    fn recorded(&self) -> Option<i64> {
        let partition = self.delivery.partition();
        let (reply, answer) = oneshot::channel();
        let event = SourceEvent::Assigned { partitions: vec![partition.clone()], reply };
        self.events.blocking_send(Item::Event(event)).ok()?;
        Some(answer.blocking_recv().ok()?.get(&partition).unwrap_or(0))
    }

    /// Waits until the budget has room, and for the queue; false when nobody takes it any more.
    fn hand_over(&self, chunk: &mut Chunk) -> bool {
        let wanted = u32::try_from(chunk.charge().div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let budget = Arc::clone(&self.budget);
        let wait = async {
            tokio::select! {
                biased;
                permit = budget.acquire_many_owned(wanted.min(self.permits)) => permit.ok(),
                () = self.events.closed() => None,
            }
        };
        let Some(permit) = self.runtime.block_on(wait) else { return false };
        let release: Release = Box::new(permit);
        let event = SourceEvent::Records { records: chunk.take(), release };
        self.events.blocking_send(Item::Event(event)).is_ok()
    }
}
