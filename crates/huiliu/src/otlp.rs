//! Spans of landed batches, sent to a collector: OTLP over HTTP in its JSON form (OpenTelemetry
//! Protocol 1.x, `POST /v1/traces`).
//!
//! One span per attempt to land a batch, with links to the spans that its records name in their
//! header `traceparent`. Nothing waits for the collector: what does not fit into the queue, or is
//! not taken by the collector, is counted and let go. The way to the collector is plain HTTP, for
//! it is meant to stand beside the process; it speaks TLS to whatever lies further.

mod wire;

use huiliu_model::{Batch, Clock, Error, TraceContext, Traces};
use prometheus::{IntCounterVec, Opts, Registry};
use serde_json::{Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
pub use wire::Endpoint;

/// Spans that wait for the collector.
const QUEUE_SPANS: usize = 2_048;
/// Spans of one request.
const REQUEST_SPANS: usize = 512;
/// How often spans are sent; the default of OpenTelemetry's batch processor.
const SEND_EVERY: Duration = Duration::from_secs(5);
/// How long the collector may take at the end of the process.
const FAREWELL: Duration = Duration::from_secs(2);
/// `SPAN_KIND_CONSUMER`, `STATUS_CODE_OK` and `STATUS_CODE_ERROR` of the protocol.
const CONSUMER: u8 = 5;
const STATUS: [u8; 2] = [1, 2];

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
}

/// Sends spans until it is over.
pub struct Exporter {
    endpoint: Endpoint,
    queue: mpsc::Receiver<Value>,
    metrics: Metrics,
    /// The last request was taken.
    reaches: bool,
}

/// A tracer, and what sends its spans to the endpoint.
///
/// # Errors
/// `Bug` when the registry holds the metric's name already.
pub fn tracing(
    endpoint: Endpoint,
    registry: &Registry,
    clock: Arc<dyn Clock>,
) -> Result<(Tracer, Exporter), Error> {
    let metrics = Metrics::register(registry).map_err(crate::metrics::duplicate)?;
    let (sender, queue) = mpsc::channel(QUEUE_SPANS);
    let traces = Arc::new(Traces::default());
    let tracer = Tracer { traces, queue: sender, metrics: metrics.clone(), clock };
    Ok((tracer, Exporter { endpoint, queue, metrics, reaches: true }))
}

impl Tracer {
    pub fn now_us(&self) -> i64 {
        self.clock.now_us()
    }

    /// Queues the span of one attempt to land a batch. A batch that has to be tried again keeps
    /// its links for the attempt that succeeds.
    pub fn landed(&self, landing: &Landing<'_>) {
        let links = match landing.result {
            Ok(_) => self.traces.take(&landing.batch.covers),
            Err(_) => Vec::new(),
        };
        if self.queue.try_send(span(landing, &links, self.clock.now_us())).is_err() {
            self.metrics.count("dropped", 1);
        }
    }
}

/// 64 bits that no other span has: the standard library seeds its hashers from the system.
fn id() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}

fn span(landing: &Landing<'_>, links: &[TraceContext], ended_us: i64) -> Value {
    let Landing { batch, began_us, result } = landing;
    let mut attributes = vec![
        text("messaging.system", "kafka"),
        text("huiliu.dataset", &batch.dataset),
        number("huiliu.offsets", i64::try_from(batch.tally.offsets()).unwrap_or(i64::MAX)),
        number("huiliu.rows", i64::try_from(batch.row_count()).unwrap_or(i64::MAX)),
        number("huiliu.rejected", i64::try_from(batch.tally.rejected).unwrap_or(i64::MAX)),
    ];
    if let Some(partition) = batch.covers.0.keys().next() {
        attributes.push(text("messaging.destination.name", &partition.kafka_topic));
    }
    let status = match result {
        Ok(version) => {
            attributes.push(number("huiliu.table_version", version.table_version));
            let bytes = i64::try_from(version.file_bytes).unwrap_or(i64::MAX);
            attributes.push(number("huiliu.file_bytes", bytes));
            json!({ "code": STATUS[0] })
        }
        Err(error) => {
            attributes.push(text("error.type", error.kind.label()));
            json!({ "code": STATUS[1], "message": error.message })
        }
    };
    let linked = |link: &TraceContext| {
        json!({
            "traceId": format!("{:032x}", link.trace_id),
            "spanId": format!("{:016x}", link.span_id),
        })
    };
    json!({
        "traceId": format!("{:016x}{:016x}", id(), id()),
        "spanId": format!("{:016x}", id()),
        "name": "land",
        "kind": CONSUMER,
        "startTimeUnixNano": nanos(*began_us),
        "endTimeUnixNano": nanos(ended_us.max(*began_us)),
        "attributes": attributes,
        "links": links.iter().map(linked).collect::<Vec<_>>(),
        "status": status,
    })
}

/// 64-bit numbers are texts in the protocol's JSON form.
fn nanos(us: i64) -> String {
    format!("{us}000")
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: i64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

/// The body of one request.
fn request(spans: Vec<Value>) -> Value {
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
            let is_over = tokio::select! {
                biased;
                () = over.cancelled() => true,
                () = tokio::time::sleep(SEND_EVERY) => false,
            };
            if !is_over {
                self.send_all().await;
                continue;
            }
            if tokio::time::timeout(FAREWELL, self.send_all()).await.is_err() {
                tracing::warn!("the collector of spans did not answer in time; the last are lost");
            }
            return;
        }
    }

    async fn send_all(&mut self) {
        loop {
            let mut spans = Vec::new();
            while spans.len() < REQUEST_SPANS
                && let Ok(span) = self.queue.try_recv()
            {
                spans.push(span);
            }
            if spans.is_empty() {
                return;
            }
            self.send(spans).await;
        }
    }

    async fn send(&mut self, spans: Vec<Value>) {
        let count = spans.len();
        match self.endpoint.post(&request(spans)).await {
            Ok(()) => {
                self.metrics.count("sent", count);
                self.reaches = true;
            }
            Err(why) => {
                self.metrics.count("refused", count);
                // Once for each outage: spans are news about the work, not the work.
                if std::mem::replace(&mut self.reaches, false) {
                    tracing::warn!(why, "the collector of spans does not take them");
                }
            }
        }
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
        let landed = Version { table_version: 7, file_bytes: 900 };
        let landing = Landing { batch: &batch, began_us: 1_500_000, result: Ok(landed) };
        let link = TraceContext { trace_id: 0xab, span_id: 0xcd };
        let mut span = span(&landing, &[link], 1_750_000);
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
        for _ in 0..=QUEUE_SPANS {
            tracer.landed(&Landing { batch: &batch, began_us: 0, result: Ok(landed()) });
        }
        let dropped = tracer.metrics.spans.with_label_values(&["dropped"]).get();
        assert_eq!(dropped, 1);
    }
}
