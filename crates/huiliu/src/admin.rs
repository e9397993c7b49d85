//! The admin port: metrics and the state of the process, for Prometheus and orchestrators.
//!
//! | path | answers |
//! |---|---|
//! | `/metrics` | Prometheus' text form |
//! | `/healthz` | 200 while the process lives; an outage elsewhere must restart nothing |
//! | `/startupz` | 200 once the process has begun its work |
//! | `/readyz` | 200 when it can make progress, 503 with the reasons when not |
//! | `/statusz` | what the process last said of itself |

use crate::metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use huiliu_model::{Error, ErrorKind};
use prometheus::Registry;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
    obstacles: BTreeMap<String, String>,
    status: Value,
}

impl Health {
    /// The process has begun its work.
    pub fn started(&self) {
        self.with(|facts| facts.started = true);
    }

    /// `what` cannot make progress, and why.
    pub fn blocked(&self, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        self.with(|facts| facts.obstacles.insert(what, why));
    }

    /// `what` makes progress again.
    pub fn clear(&self, what: &str) {
        self.with(|facts| facts.obstacles.remove(what));
    }

    /// Sets the document of `/statusz`.
    pub fn status(&self, status: Value) {
        self.with(|facts| facts.status = status);
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
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || document(StatusCode::OK, &json!({"status": "alive"}))))
        .route("/startupz", get(startup))
        .route("/readyz", get(readiness))
        .route("/statusz", get(status))
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
    document(code(started), &json!({ "started": started }))
}

async fn readiness(State(admin): State<Admin>) -> Response {
    let (ready, reasons) = admin.health.with(|facts| {
        let mut reasons: Vec<Value> =
            facts.obstacles.iter().map(|(what, why)| json!({ "what": what, "why": why })).collect();
        if !facts.started {
            reasons.insert(0, json!({"what": "process", "why": "starting"}));
        }
        (reasons.is_empty(), reasons)
    });
    document(code(ready), &json!({ "ready": ready, "reasons": reasons }))
}

async fn status(State(admin): State<Admin>) -> Response {
    document(StatusCode::OK, &admin.health.with(|facts| facts.status.clone()))
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

    #[tokio::test]
    async fn readiness_says_what_is_in_the_way() {
        let health = Health::default();
        let registry = metrics::registry().expect("distinct names");
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let admin = Admin { registry, health: health.clone() };
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(serve(listener, admin, stop.clone()));

        assert_eq!(fetch(address, "/healthz").await.0, 200);
        assert_eq!(fetch(address, "/startupz").await.0, 503);
        health.started();
        assert_eq!(fetch(address, "/startupz").await.0, 200);
        assert_eq!(fetch(address, "/readyz").await.0, 200);
        health.blocked("feed.water.bill/3", "offset_expired");
        let (code, body) = fetch(address, "/readyz").await;
        let expected = json!({
            "ready": false,
            "reasons": [{"what": "feed.water.bill/3", "why": "offset_expired"}],
        });
        assert_eq!((code, body), (503, format!("{expected}\n")));
        health.clear("feed.water.bill/3");
        assert_eq!(fetch(address, "/readyz").await.0, 200);
        let (code, body) = fetch(address, "/metrics").await;
        assert_eq!(code, 200);
        assert!(body.contains("# TYPE huiliu_build_info gauge"), "{body}");

        stop.cancel();
        tasks.join_next().await.expect("one task").expect("ends in order");
    }
}
