//! What is told of the process as a whole when it is scraped: its state, its runtime, and the
//! questions put to its admin port.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use huiliu_model::Clock;
use prometheus::{
    Counter, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Bucket edges of an answer of the admin port, seconds.
const ANSWER_SECONDS: [f64; 6] = [0.001, 0.01, 0.05, 0.25, 1.0, 5.0];
/// Paths with a series of their own; every other path is `other`.
pub const ROUTES: [&str; 6] = ["/", "/metrics", "/healthz", "/startupz", "/readyz", "/statusz"];

/// What a process is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Running,
    /// It has begun, but something is in the way: `/readyz` says what.
    Degraded,
    Draining,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Starting, Self::Running, Self::Degraded, Self::Draining];

    pub fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Draining => "draining",
        }
    }
}

/// Counters and gauges of one process.
pub struct Metrics {
    state: IntGaugeVec,
    requests: IntCounterVec,
    seconds: HistogramVec,
    tasks: IntGauge,
    busy: Counter,
    clock: Arc<dyn Clock>,
}

impl Metrics {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry, clock: Arc<dyn Clock>) -> Result<Self, prometheus::Error> {
        let state = IntGaugeVec::new(
            Opts::new(
                "huiliu_process_state",
                "1 for what the process is about: starting, running, degraded, draining.",
            ),
            &["state"],
        )?;
        let requests = IntCounterVec::new(
            Opts::new("huiliu_http_requests_total", "Questions put to the admin port."),
            &["route", "method", "code"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new(
                "huiliu_http_request_duration_seconds",
                "Time until the admin port answered.",
            )
            .buckets(ANSWER_SECONDS.to_vec()),
            &["route"],
        )?;
        let tasks = IntGauge::new("huiliu_runtime_tasks", "Asynchronous tasks that are alive.")?;
        let busy = Counter::new(
            "huiliu_runtime_busy_seconds_total",
            "Time that threads of the runtime worked; preparing records has threads of its own.",
        )?;
        registry.register(Box::new(state.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(tasks.clone()))?;
        registry.register(Box::new(busy.clone()))?;
        Ok(Self { state, requests, seconds, tasks, busy, clock })
    }

    /// Takes what is to be seen at this moment; called on a thread of the runtime.
    pub fn look(&self, phase: Phase) {
        for each in Phase::ALL {
            self.state.with_label_values(&[each.label()]).set(i64::from(each == phase));
        }
        let runtime = Handle::current().metrics();
        self.tasks.set(i64::try_from(runtime.num_alive_tasks()).unwrap_or(i64::MAX));
        let workers = 0..runtime.num_workers();
        let busy: f64 =
            workers.map(|worker| runtime.worker_total_busy_duration(worker).as_secs_f64()).sum();
        self.busy.inc_by((busy - self.busy.get()).max(0.0));
    }
}

/// Counts a question and its answer.
pub async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let asked = request.uri().path();
    let route = ROUTES.into_iter().find(|route| *route == asked).unwrap_or("other");
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        _ => "other",
    };
    let began = metrics.clock.monotonic();
    let answer = next.run(request).await;
    let took = metrics.clock.monotonic().saturating_sub(began);
    let code = answer.status().as_u16().to_string();
    metrics.requests.with_label_values(&[route, method, &code]).inc();
    metrics.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    answer
}
