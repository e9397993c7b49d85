//! Spans of landed batches, folds and refreshes, sent to a collector: OTLP over HTTP in its JSON
//! form (OpenTelemetry Protocol 1.x, `POST /v1/traces`).
//!
//! | span | links |
//! |---|---|
//! | an attempt to land a batch | the spans that its records name in their header `traceparent` |
//! | a fold of a dataset | the landings since the last fold, a sample of them |
//! | a refresh of a table | the newest landing of each dataset it reads |
//!
//! Nothing waits for the collector. What does not fit into the queue, or is not taken after some
//! attempts, is counted and let go.

mod span;
mod wire;

use huiliu_lake::fold::Folded;
use huiliu_model::{Batch, Clock, Error, TraceContext, Traces};
use huiliu_subject::Refreshed;
use prometheus::{IntCounterVec, Opts, Registry};
use serde_json::{Value, json};
use span::{Work, text};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::Collector;
pub use wire::Endpoint;

/// Spans that wait for the collector.
const QUEUE_SPANS: usize = 2_048;
/// Spans of one request.
const REQUEST_SPANS: usize = 512;
/// How often spans are sent; the default of OpenTelemetry's batch processor.
const SEND_EVERY: Duration = Duration::from_secs(5);
/// Attempts to send a request, and the wait after the first; each wait is twice the one before.
const ATTEMPTS: u32 = 4;
const BACK_OFF: Duration = Duration::from_secs(1);
/// How long a collector may ask to be left alone.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long the collector may take at the end of the process.
const FAREWELL: Duration = Duration::from_secs(2);
/// Landings that one fold links to.
const LINKS_MAX: usize = 128;

/// What is told of spans.
#[derive(Clone)]
struct Metrics {
    spans: IntCounterVec,
}

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let spans = IntCounterVec::new(
            Opts::new(
                "huiliu_otlp_spans_total",
                "Spans by what became of them: sent, refused by the collector, or dropped because \
                 the queue was full; only with --otlp.",
            ),
            &["outcome"],
        )?;
        for outcome in ["sent", "refused", "dropped"] {
            spans.with_label_values(&[outcome]);
        }
        registry.register(Box::new(spans.clone()))?;
        Ok(Self { spans })
    }

    fn count(&self, outcome: &str, spans: usize) {
        self.spans.with_label_values(&[outcome]).inc_by(spans as u64);
    }
}

/// What became of a batch.
pub struct Landing<'a> {
    pub batch: &'a Batch,
    /// Microseconds since 1970 UTC.
    pub began_us: i64,
    pub result: Result<Version, &'a Error>,
}

/// The version of the table that has the batch, and the bytes it brought.
pub struct Version {
    pub table_version: i64,
    pub file_bytes: u64,
}

/// Makes spans. Cheap to clone.
#[derive(Clone)]
pub struct Tracer {
    pub traces: Arc<Traces>,
    queue: mpsc::Sender<Value>,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    landed: Arc<Mutex<Landed>>,
}

/// Spans of landings by dataset, to link to.
#[derive(Default)]
struct Landed {
    /// Since the last fold.
    to_fold: BTreeMap<String, Vec<TraceContext>>,
    newest: BTreeMap<String, TraceContext>,
}

/// Sends spans until it is over.
pub struct Exporter {
    collector: Collector,
    queue: mpsc::Receiver<Value>,
    /// Those of the request under way: one that is broken off is sent once more.
    sending: Vec<Value>,
    metrics: Metrics,
    /// The last request was taken.
    reaches: bool,
}

/// A tracer, and what sends its spans to the endpoint.
///
/// # Errors
/// `Invalid` when a variable of the environment cannot be used; `Bug` when the registry holds the
/// metric's name already.
pub fn tracing(
    endpoint: Endpoint,
    registry: &Registry,
    clock: Arc<dyn Clock>,
) -> Result<(Tracer, Exporter), Error> {
    let collector = Collector::of_environment(endpoint)?;
    let metrics = Metrics::register(registry).map_err(crate::metrics::duplicate)?;
    let (sender, queue) = mpsc::channel(QUEUE_SPANS);
    let traces = Arc::new(Traces::default());
    let landed = Arc::default();
    let tracer = Tracer { traces, queue: sender, metrics: metrics.clone(), clock, landed };
    Ok((tracer, Exporter { collector, queue, sending: Vec::new(), metrics, reaches: true }))
}

impl Tracer {
    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// Queues the span of one attempt to land a batch. A batch that has to be tried again keeps
    /// its links for the attempt that succeeds.
    pub fn landed(&self, landing: &Landing<'_>) {
        let Landing { batch, began_us, result } = landing;
        let links = match result {
            Ok(_) => self.traces.take(&batch.covers),
            Err(_) => Vec::new(),
        };
        let result = result.as_ref().map(|v| (v.table_version, v.file_bytes)).map_err(|e| *e);
        let own = self.queue(*began_us, &links, span::landing(batch, result));
        if result.is_err() {
            return;
        }
        let mut landed = self.noted();
        landed.newest.insert(batch.dataset.to_string(), own);
        let to_fold = landed.to_fold.entry(batch.dataset.to_string()).or_default();
        if to_fold.len() == LINKS_MAX {
            // Every second one goes, so that a sample of all stays.
            let mut keeps = false;
            to_fold.retain(|_| {
                keeps = !keeps;
                keeps
            });
        }
        to_fold.push(own);
    }

    /// Queues the span of a fold that had changes, or failed.
    pub fn folded(&self, dataset: &str, began_us: i64, result: Result<&Folded, &Error>) {
        if result.is_ok_and(|folded| folded.changes == 0) {
            return;
        }
        let links = match result {
            Ok(_) => self.noted().to_fold.remove(dataset).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let result = result.map(|folded| (folded.changes, folded.applied, folded.to_version));
        self.queue(began_us, &links, span::fold(dataset, result));
    }

    /// Queues the span of a refresh that had something to do, or failed.
    pub fn refreshed(
        &self,
        (table, reads): (&str, &[String]),
        began_us: i64,
        result: Result<&Refreshed, &Error>,
    ) {
        let Some(work) = span::refresh(table, result) else { return };
        let links: Vec<TraceContext> = {
            let landed = self.noted();
            reads.iter().filter_map(|dataset| landed.newest.get(dataset).copied()).collect()
        };
        self.queue(began_us, &links, work);
    }

    fn queue(&self, began_us: i64, links: &[TraceContext], work: Work<'_>) -> TraceContext {
        let ended_us = self.clock.now_us();
        let (own, span) = Work { began_us, ended_us, links, ..work }.span();
        if self.queue.try_send(span).is_err() {
            self.metrics.count("dropped", 1);
        }
        own
    }

    fn noted(&self) -> MutexGuard<'_, Landed> {
        self.landed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of one request.
fn request(spans: &[Value]) -> Value {
    let about = [text("service.name", "huiliu"), text("service.version", crate::metrics::VERSION)];
    json!({
        "resourceSpans": [{
            "resource": { "attributes": about },
            "scopeSpans": [{ "scope": { "name": "huiliu" }, "spans": spans }],
        }],
    })
}

impl Exporter {
    /// Sends what is queued every five seconds, and what is left when it is over.
    pub async fn go_on(mut self, over: CancellationToken) {
        loop {
            let turn = async {
                tokio::time::sleep(SEND_EVERY).await;
                self.send_all().await;
            };
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                () = turn => {}
            }
        }
        if tokio::time::timeout(FAREWELL, self.send_all()).await.is_err() {
            tracing::warn!("the collector of spans did not answer in time; the last are lost");
        }
    }

    async fn send_all(&mut self) {
        loop {
            while self.sending.len() < REQUEST_SPANS
                && let Ok(span) = self.queue.try_recv()
            {
                self.sending.push(span);
            }
            if self.sending.is_empty() {
                return;
            }
            self.send().await;
            self.sending.clear();
        }
    }

    /// Sends one request, some times if need be.
    async fn send(&mut self) {
        let (count, document) = (self.sending.len(), request(&self.sending));
        let mut back_off = BACK_OFF;
        for left in (0..ATTEMPTS).rev() {
            let untaken = match self.collector.post(&document).await {
                Ok(()) => {
                    self.metrics.count("sent", count);
                    self.reaches = true;
                    return;
                }
                Err(untaken) => untaken,
            };
            // Once for each outage: spans are news about the work, not the work.
            if std::mem::replace(&mut self.reaches, false) {
                tracing::warn!(why = untaken.why, "the collector of spans does not take them");
            }
            if left == 0 || !untaken.passes {
                break;
            }
            tokio::time::sleep(untaken.wait.unwrap_or(back_off).min(WAIT_MAX)).await;
            back_off *= 2;
        }
        self.metrics.count("refused", count);
    }
}

/// An endpoint as --otlp names it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn endpoint(url: &str) -> Result<Endpoint, String> {
    Endpoint::parse(url).map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installation::clock;
    use huiliu_model::{Covers, ErrorKind, Partition, Quality, Tally};

    fn batch() -> Batch {
        Batch {
            dataset: "water_bill".into(),
            rows: Vec::new(),
            rejects: Vec::new(),
            covers: Covers([(Partition::new("feed.water.bill", 3), 10..13)].into()),
            tally: Tally { rejected: 3, ..Tally::default() },
            quality: Quality::default(),
            newest_record_ms: 0,
            oldest_event_us: None,
            truncates: Vec::new(),
        }
    }

    #[test]
    fn a_span_tells_of_its_batch_and_links_to_the_spans_of_its_records() {
        let batch = batch();
        let link = [TraceContext { trace_id: 0xab, span_id: 0xcd }];
        let work = span::landing(&batch, Ok((7, 900)));
        let work = Work { began_us: 1_500_000, ended_us: 1_750_000, links: &link, ..work };
        let (own, mut span) = work.span();
        assert_eq!(span["spanId"], format!("{:016x}", own.span_id));
        for (name, digits) in [("traceId", 32), ("spanId", 16)] {
            let id = span[name].as_str().expect("a text").to_owned();
            assert!(id.len() == digits && id.bytes().all(|c| c.is_ascii_hexdigit()), "{id}");
            span[name] = Value::Null;
        }
        let expected = json!({
            "traceId": null,
            "spanId": null,
            "name": "land",
            "kind": 5,
            "startTimeUnixNano": "1500000000",
            "endTimeUnixNano": "1750000000",
            "attributes": [
                {"key": "messaging.system", "value": {"stringValue": "kafka"}},
                {"key": "huiliu.dataset", "value": {"stringValue": "water_bill"}},
                {"key": "huiliu.offsets", "value": {"intValue": "3"}},
                {"key": "huiliu.rows", "value": {"intValue": "0"}},
                {"key": "huiliu.rejected", "value": {"intValue": "3"}},
                {"key": "messaging.destination.name",
                 "value": {"stringValue": "feed.water.bill"}},
                {"key": "huiliu.table_version", "value": {"intValue": "7"}},
                {"key": "huiliu.file_bytes", "value": {"intValue": "900"}},
            ],
            "links": [{
                "traceId": "000000000000000000000000000000ab",
                "spanId": "00000000000000cd",
            }],
            "status": {"code": 1},
        });
        assert_eq!(span, expected);
    }

    #[test]
    fn links_wait_for_the_attempt_that_succeeds_and_a_full_queue_holds_nothing_up() {
        let registry = Registry::new();
        let endpoint = Endpoint::parse("http://127.0.0.1:4318").expect("an endpoint");
        let (tracer, mut exporter) = tracing(endpoint, &registry, clock()).expect("a new name");
        let header = format!("00-{:032x}-{:016x}-01", 1, 2);
        tracer.traces.note(&Partition::new("feed.water.bill", 3), 11, header.as_bytes());
        let batch = batch();
        let away = Error::new(ErrorKind::Unavailable, "no answer");
        let landed = || Version { table_version: 7, file_bytes: 900 };
        let attempts = [Err(&away), Ok(landed()), Ok(landed())];
        for result in attempts {
            tracer.landed(&Landing { batch: &batch, began_us: 0, result });
        }
        let spans: Vec<Value> = std::iter::from_fn(|| exporter.queue.try_recv().ok()).collect();
        let links: Vec<usize> =
            spans.iter().map(|span| span["links"].as_array().map_or(9, Vec::len)).collect();
        assert_eq!(links, [0, 1, 0]);
        assert_eq!(spans[0]["status"], json!({"code": 2, "message": "no answer"}));
        let folded = |result| tracer.folded("water_bill", 0, result);
        folded(Err(&away));
        let done = Folded { changes: 3, applied: 2, to_version: 9, ..Folded::default() };
        folded(Ok(&done));
        folded(Ok(&done));
        let folds: Vec<Value> = std::iter::from_fn(|| exporter.queue.try_recv().ok()).collect();
        let named = |span: &Value, i: usize| span["links"][i]["spanId"].clone();
        assert_eq!(folds[1]["name"], "fold");
        assert_eq!(named(&folds[1], 0), spans[1]["spanId"]);
        assert_eq!(named(&folds[1], 1), spans[2]["spanId"]);
        let links: Vec<usize> =
            folds.iter().map(|span| span["links"].as_array().map_or(9, Vec::len)).collect();
        assert_eq!(links, [0, 2, 0], "a fold that failed leaves them to the next one");
        for _ in 0..=QUEUE_SPANS {
            tracer.landed(&Landing { batch: &batch, began_us: 0, result: Ok(landed()) });
        }
        let dropped = tracer.metrics.spans.with_label_values(&["dropped"]).get();
        assert_eq!(dropped, 1);
    }
}
