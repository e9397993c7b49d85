//! The client against a small server on loopback that speaks a registry's API by script.

use huiliu_model::ErrorKind;
use huiliu_model::clock::SystemClock;
use huiliu_model::schemas::{Looked, SchemaId, SchemaKind, Schemas};
use huiliu_registry::{Metrics, Registry, Settings};
use huiliu_testkit::HandClock;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const UNKNOWN: &str = r#"{"error_code":40403,"message":"Schema not found"}"#;

/// Answers by path, and the requests that came.
struct Server {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

async fn serve(answers: &[(&str, u16, &str)]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answers: BTreeMap<String, (u16, String)> = answers
        .iter()
        .map(|(path, status, body)| ((*path).to_owned(), (*status, (*body).to_owned())))
        .collect();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&heard);
    let mut task = JoinSet::new();
    task.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                request.push(byte);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            noted.lock().expect("no panic").push(request);
            let unknown = (404, UNKNOWN.to_owned());
            let (status, body) = answers.get(&path).cloned().unwrap_or(unknown);
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    Server { url, heard, _task: task }
}

impl Server {
    fn paths(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("no panic");
        heard.iter().filter_map(|r| r.split(' ').nth(1).map(str::to_owned)).collect()
    }
}

fn settings(url: &str) -> Settings {
    Settings { url: url.to_owned(), username: None, password: None, ca_location: None }
}

fn registry(settings: Settings) -> (Registry, Arc<HandClock>) {
    let clock = Arc::new(HandClock::at(0));
    let metrics = Metrics::register(&prometheus::Registry::new()).expect("an empty registry");
    let made = Registry::new(settings, Arc::clone(&clock) as _, metrics).expect("sound settings");
    (made, clock)
}

#[tokio::test]
async fn a_schema_comes_with_what_it_refers_to_in_the_order_of_use() {
    let server = serve(&[
        (
            "/base/schemas/ids/7",
            200,
            r#"{"schema":"A","references":[{"name":"b","subject":"s/b","version":2},
                {"name":"c","subject":"c","version":1}]}"#,
        ),
        (
            "/base/subjects/s%2Fb/versions/2?deleted=true",
            200,
            r#"{"schema":"B","references":[{"name":"c","subject":"c","version":1}]}"#,
        ),
        ("/base/subjects/c/versions/1?deleted=true", 200, r#"{"schema":"C","references":[]}"#),
    ])
    .await;
    let (registry, _) = registry(settings(&format!("{}/base/", server.url)));
    let Looked::Found(schema) = registry.schema(SchemaId(7)).await.expect("it answers") else {
        panic!("it is known")
    };
    assert_eq!((schema.kind, schema.text.as_str()), (SchemaKind::Avro, "A"));
    assert_eq!(schema.references, ["C", "B"]);
    // Found once, never asked for again.
    registry.schema(SchemaId(7)).await.expect("it is kept");
    assert_eq!(server.paths().len(), 3);
}

#[tokio::test]
async fn an_unknown_id_is_kept_for_a_while_only() {
    let server = serve(&[]).await;
    let (registry, clock) = registry(settings(&server.url));
    for _ in 0..3 {
        let looked = registry.schema(SchemaId(9)).await.expect("it answers");
        assert_eq!(looked, Looked::Unknown);
    }
    assert_eq!(server.paths(), ["/schemas/ids/9"]);
    clock.advance(Duration::from_secs(31));
    registry.schema(SchemaId(9)).await.expect("it answers");
    assert_eq!(server.paths().len(), 2);
}

#[tokio::test]
async fn what_is_no_answer_of_a_registry_is_unavailable_and_asked_for_again() {
    let server = serve(&[("/schemas/ids/1", 404, "<html>"), ("/schemas/ids/2", 401, "")]).await;
    let (registry, _) = registry(settings(&server.url));
    for _ in 0..2 {
        let error = registry.schema(SchemaId(1)).await.expect_err("no registry");
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }
    let error = registry.schema(SchemaId(2)).await.expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Denied);
    assert_eq!(server.paths().len(), 3);
    let gone = self::registry(settings("http://127.0.0.1:1")).0;
    let error = gone.schema(SchemaId(1)).await.expect_err("nobody listens");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(!error.message.contains("127.0.0.1:1/"), "{}", error.message);
}

#[tokio::test]
async fn a_missing_reference_is_no_unknown_schema() {
    let refers = r#"{"schema":"A","references":[{"name":"b","subject":"b","version":2}]}"#;
    let server = serve(&[("/schemas/ids/7", 200, refers)]).await;
    let (registry, _) = registry(settings(&server.url));
    let error = registry.schema(SchemaId(7)).await.expect_err("half a schema is none");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "version 2 of `b` is referred to and missing");
}

#[tokio::test]
async fn credentials_are_sent_and_not_shown() {
    let server = serve(&[("/schemas/ids/1", 200, r#"{"schema":"A"}"#)]).await;
    let mut settings = settings(&server.url);
    settings.username = Some("hub".to_owned());
    settings.password = Some("pass".into());
    assert!(!format!("{settings:?}").contains("pass\""));
    let (registry, _) = registry(settings);
    registry.schema(SchemaId(1)).await.expect("it answers");
    let heard = server.heard.lock().expect("no panic").join("");
    // base64 of `hub:pass`.
    assert!(heard.to_lowercase().contains("authorization: basic ahvionbhc3m="), "{heard}");
}

#[test]
fn an_address_or_certificates_that_are_none_are_refused_at_once() {
    let make = |settings| {
        let metrics = Metrics::register(&prometheus::Registry::new()).expect("an empty registry");
        let made = Registry::new(settings, Arc::new(SystemClock::default()), metrics);
        made.err().map(|error| error.kind)
    };
    assert_eq!(make(settings("ftp://x")), Some(ErrorKind::Invalid));
    assert_eq!(make(settings("registry:8081")), Some(ErrorKind::Invalid));
    let mut wrong = settings("https://registry");
    wrong.ca_location = Some("/nowhere/ca.pem".into());
    assert_eq!(make(wrong), Some(ErrorKind::Invalid));
}
