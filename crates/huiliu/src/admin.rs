//! The admin port: metrics and the state of the process, for Prometheus and orchestrators.
//!
//! | path | answers |
//! |---|---|
//! | `/` | the status page, in Chinese or English |
//! | `/metrics` | Prometheus' text form |
//! | `/healthz` | 200 while the process lives; an outage elsewhere must restart nothing |
//! | `/startupz` | 200 once the process has begun its work, 503 with the reasons before |
//! | `/readyz` | 200 when it can make progress, 503 with the reasons when not |
//! | `/statusz` | what the process last said of itself, with `format_version` |
//!
//! A process is ready once the group has answered with partitions, or with none: more processes
//! than partitions are no fault, and one without any takes over when another goes.

use crate::metrics;
use crate::obstacle::{self, Code, Obstacle};
use crate::page::{self, Language};
use crate::process::{self, Phase};
use crate::readings::Readings;
use crate::report::Report;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use huiliu_model::{Error, ErrorKind};
use prometheus::Registry;
use serde_json::{Value, json};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the process has begun, and what keeps it from making progress.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    started: bool,
    draining: bool,
    /// At most one of each `what`.
    obstacles: Vec<Obstacle>,
    report: Arc<Report>,
}

impl Health {
    /// The process has begun its work.
    pub fn started(&self) {
        self.with(|facts| facts.started = true);
    }

    /// The process ends once what it holds has landed.
    pub fn draining(&self) {
        self.with(|facts| facts.draining = true);
    }

    /// Something cannot make progress, and why.
    pub fn blocked(&self, obstacle: Obstacle) {
        self.with(|facts| {
            facts.obstacles.retain(|other| other.what != obstacle.what);
            facts.obstacles.push(obstacle);
        });
    }

    /// `what` makes progress again.
    pub fn clear(&self, what: &str) {
        self.with(|facts| facts.obstacles.retain(|other| other.what != what));
    }

    /// Sets the document of `/statusz`, from which the page is drawn.
    pub fn report(&self, report: Report) {
        self.with(|facts| facts.report = Arc::new(report));
    }

    fn with<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        // A panic while the lock is held leaves whole values behind: each change is one step.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the admin port serves.
#[derive(Clone)]
pub struct Admin {
    pub registry: Registry,
    pub health: Health,
    pub process: Arc<process::Metrics>,
    pub obstacles: Arc<obstacle::Metrics>,
}

/// Opens the admin port.
///
/// # Errors
/// `Unavailable` when the address is taken, `Denied` when we may not listen there.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| {
        let kind = match source.kind() {
            std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("the admin address {address} cannot be opened"))
            .help("name another with --admin, or --admin off for none")
            .because(source)
    })
}

/// Serves until `stop`.
pub fn serve(
    listener: TcpListener,
    admin: Admin,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send {
    let routes = Router::new()
        .route("/", get(show))
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || document(StatusCode::OK, &json!({"status": "alive"}))))
        .route("/startupz", get(startup))
        .route("/readyz", get(readiness))
        .route("/statusz", get(status))
        .layer(from_fn_with_state(Arc::clone(&admin.process), process::count))
        .with_state(admin);
    async move {
        let served = axum::serve(listener, routes)
            .with_graceful_shutdown(async move { stop.cancelled().await })
            .await;
        if let Err(error) = served {
            tracing::warn!(%error, "the admin port stopped");
        }
    }
}

async fn scrape(State(admin): State<Admin>) -> Response {
    admin.process.look(admin.phase());
    admin.obstacles.show(&admin.reasons().0);
    match metrics::text(&admin.registry) {
        Ok(text) => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.message).into_response(),
    }
}

async fn startup(State(admin): State<Admin>) -> Response {
    let started = admin.health.with(|facts| facts.started);
    if started {
        return document(StatusCode::OK, &json!({ "started": true }));
    }
    let reasons = admin.reasons().0;
    document(code(false), &json!({ "started": false, "reasons": reasons }))
}

async fn readiness(State(admin): State<Admin>) -> Response {
    let (reasons, partitions) = admin.reasons();
    let ready = reasons.is_empty();
    let mut answer = json!({ "ready": ready, "reasons": reasons, "partitions": partitions });
    if ready && partitions == Some(0) {
        answer["note"] = "no partition is left for this process; it waits for one".into();
    }
    document(code(ready), &answer)
}

impl Admin {
    fn phase(&self) -> Phase {
        let (started, draining) = self.health.with(|facts| (facts.started, facts.draining));
        match (started, draining) {
            (_, true) => Phase::Draining,
            (false, false) => Phase::Starting,
            (true, false) if self.reasons().0.is_empty() => Phase::Running,
            (true, false) => Phase::Degraded,
        }
    }

    /// What is in the way of progress, and the partitions this process reads.
    fn reasons(&self) -> (Vec<Obstacle>, Option<u64>) {
        let readings = Readings::take(&self.registry);
        let partitions = readings.partitions();
        let (started, mut reasons) =
            self.health.with(|facts| (facts.started, facts.obstacles.clone()));
        reasons.extend(readings.obstacles());
        let is_told = reasons.iter().any(|obstacle| obstacle.what == "kafka");
        if partitions.is_none() && started && !is_told {
            let why = "the group has assigned no partitions yet";
            reasons.push(Obstacle::new("kafka", Code::NotAssigned, why));
        }
        if !started {
            reasons.insert(0, Obstacle::new("process", Code::Starting, "starting"));
        }
        (reasons, partitions)
    }
}

async fn status(State(admin): State<Admin>) -> Response {
    let report = admin.health.with(|facts| Arc::clone(&facts.report));
    match serde_json::to_value(&*report) {
        Ok(value) => document(StatusCode::OK, &value),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn show(
    State(admin): State<Admin>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = Language::choose(asked.as_deref().and_then(language_asked), accepted);
    let report = admin.health.with(|facts| Arc::clone(&facts.report));
    let (reasons, _) = admin.reasons();
    let now = page::Now { ready: reasons.is_empty(), reasons: &reasons };
    let page = page::draw(&report, &now, language);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, page.policy),
        (header::CONTENT_LANGUAGE, language.tag().to_owned()),
        (header::VARY, "Accept-Language".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, page.html).into_response()
}

/// The value of `lang` in a query string.
fn language_asked(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("lang="))
}

fn code(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn document(code: StatusCode, value: &Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installation::clock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn fetch(address: SocketAddr, path: &str) -> (u16, String) {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("listening");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("open");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        let code = text.split(' ').nth(1).and_then(|c| c.parse().ok()).expect("a status line");
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
        (code, body.unwrap_or_default())
    }

    /// An admin port, and what it is asked about.
    struct Served {
        health: Health,
        answers: prometheus::IntCounterVec,
        address: SocketAddr,
        stop: CancellationToken,
        tasks: tokio::task::JoinSet<()>,
    }

    async fn served() -> Served {
        let health = Health::default();
        let registry = metrics::registry().expect("distinct names");
        let answers = prometheus::IntCounterVec::new(
            prometheus::Opts::new("huiliu_source_rebalances_total", "x"),
            &["kind"],
        )
        .expect("valid names");
        registry.register(Box::new(answers.clone())).expect("a new name");
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let process = process::Metrics::register(&registry, clock()).expect("distinct names");
        let obstacles = obstacle::Metrics::register(&registry).expect("a new name");
        let admin = Admin {
            registry,
            health: health.clone(),
            process: Arc::new(process),
            obstacles: Arc::new(obstacles),
        };
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(serve(listener, admin, stop.clone()));
        Served { health, answers, address, stop, tasks }
    }

    #[tokio::test]
    async fn a_process_that_has_not_begun_says_what_it_waits_for() {
        let Served { health, address, tasks: _tasks, .. } = served().await;
        health.blocked(Obstacle::new("kafka", Code::KafkaUnavailable, "no answer"));
        let (code, body) = fetch(address, "/startupz").await;
        let expected = json!({
            "started": false,
            "reasons": [
                {"what": "process", "code": "starting", "why": "starting"},
                {"what": "kafka", "code": "kafka_unavailable", "why": "no answer"},
            ],
        });
        assert_eq!((code, body), (503, format!("{expected}\n")));
        let (_, body) = fetch(address, "/metrics").await;
        assert!(body.contains("huiliu_obstacles{code=\"kafka_unavailable\"} 1\n"), "{body}");
        assert!(body.contains("huiliu_obstacles{code=\"lake_unavailable\"} 0\n"), "{body}");
        health.clear("kafka");
        health.started();
        assert_eq!(fetch(address, "/startupz").await, (200, "{\"started\":true}\n".to_owned()));
    }

    #[tokio::test]
    async fn readiness_says_what_is_in_the_way() {
        let Served { health, answers, address, stop, mut tasks } = served().await;
        assert_eq!(fetch(address, "/healthz").await.0, 200);
        health.started();
        assert_eq!(fetch(address, "/startupz").await.0, 200);
        let (code, body) = fetch(address, "/readyz").await;
        assert_eq!(code, 503, "nothing is assigned yet");
        assert!(body.contains("assigned no partitions yet"), "{body}");
        answers.with_label_values(&["assigned"]).inc();
        let (code, body) = fetch(address, "/readyz").await;
        assert_eq!(code, 200, "an empty assignment is an answer");
        assert!(body.contains("no partition is left"), "{body}");
        let why = "offset_expired".to_owned();
        health.blocked(Obstacle::incident("feed.water.bill/3".into(), "offset_expired", why));
        let (code, body) = fetch(address, "/readyz").await;
        let expected = json!({
            "ready": false,
            "reasons": [{
                "what": "feed.water.bill/3", "code": "offset_expired", "why": "offset_expired",
            }],
            "partitions": 0,
        });
        assert_eq!((code, body), (503, format!("{expected}\n")));
        health.clear("feed.water.bill/3");
        assert_eq!(fetch(address, "/readyz").await.0, 200);
        let (code, body) = fetch(address, "/metrics").await;
        assert_eq!(code, 200);
        assert!(body.contains("# TYPE huiliu_build_info gauge"), "{body}");
        assert!(body.contains("huiliu_process_state{state=\"running\"} 1\n"), "{body}");
        assert_eq!(fetch(address, "/secret?key=1").await.0, 404);
        health.draining();
        let (_, body) = fetch(address, "/metrics").await;
        for expected in [
            "huiliu_process_state{state=\"running\"} 0\n",
            "huiliu_process_state{state=\"draining\"} 1\n",
            "huiliu_http_requests_total{code=\"200\",method=\"GET\",route=\"/healthz\"} 1\n",
            "huiliu_http_requests_total{code=\"503\",method=\"GET\",route=\"/readyz\"} 2\n",
            "huiliu_http_requests_total{code=\"404\",method=\"GET\",route=\"other\"} 1\n",
        ] {
            assert!(body.contains(expected), "{expected}{body}");
        }

        let (code, body) = fetch(address, "/?lang=zh").await;
        assert_eq!(code, 200);
        assert!(body.starts_with("<!doctype html>") && body.contains("lang=\"zh-CN\""), "{body}");

        stop.cancel();
        tasks.join_next().await.expect("one task").expect("ends in order");
    }
}
