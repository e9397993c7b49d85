//! Requests to a collector: where it is, what goes with each of them, and what its answers mean.

use huiliu_model::{Error, ErrorKind};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, StatusCode, Url};
use serde_json::Value;
use std::time::Duration;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The port of OTLP over HTTP, where none is said and the way is not TLS.
const PORT: u16 = 4318;
/// Headers of every request, as `name=value,name=value`; values are percent-encoded.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// A file in PEM with the authority of the collector's certificate, beside those of the system.
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// `http://host[:port][/prefix]`, or `https://`; `/v1/traces` follows the prefix, as the
    /// specification says.
    ///
    /// # Errors
    /// `Invalid` for everything else, user names among it.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(ErrorKind::Invalid, format!("the collector `{url}` cannot be used: {why}"))
        };
        let is_plain = url.bytes().all(|c| c.is_ascii_graphic());
        let parsed = Url::parse(url).ok().filter(|_| is_plain);
        let mut parsed = parsed
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| invalid("it is not an http:// or https:// URL"))?;
        let names_more = !parsed.username().is_empty() || parsed.password().is_some();
        if names_more || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(invalid("it names more than host, port and path").help(
                "what the collector asks for beside them goes into OTEL_EXPORTER_OTLP_HEADERS",
            ));
        }
        let says_port = url.trim_end_matches('/').ends_with(":80") || url.contains(":80/");
        if parsed.scheme() == "http" && parsed.port().is_none() && !says_port {
            // Only a URL without a host takes no port.
            let _ = parsed.set_port(Some(PORT));
        }
        let path = format!("{}/v1/traces", parsed.path().trim_end_matches('/'));
        parsed.set_path(&path);
        Ok(Self(parsed))
    }
}

/// A collector, and what it is told with each request.
pub struct Collector {
    client: Client,
    endpoint: Endpoint,
}

/// Why spans were not taken.
#[derive(Debug)]
pub struct Untaken {
    pub why: String,
    /// Trying again may help.
    pub passes: bool,
    /// How long the collector asks to be left alone.
    pub wait: Option<Duration>,
}

impl Collector {
    /// With headers and authority as the environment names them.
    ///
    /// # Errors
    /// `Invalid` when a variable cannot be used.
    pub fn of_environment(endpoint: Endpoint) -> Result<Self, Error> {
        let said = std::env::var(HEADERS).unwrap_or_default();
        let mut headers = headers(&said)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut builder = Client::builder().timeout(PATIENCE).default_headers(headers);
        if let Some(path) = std::env::var_os(CERTIFICATE) {
            let shown = path.display().to_string();
            let failed = || invalid(format!("`{shown}` of {CERTIFICATE} holds no certificates"));
            let pem = std::fs::read(&path).map_err(|e| failed().because(e))?;
            let found = Certificate::from_pem_bundle(&pem).map_err(|e| failed().because(e))?;
            if found.is_empty() {
                return Err(failed());
            }
            builder = found.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        let made = builder.build();
        let client =
            made.map_err(|e| invalid("no client for the collector can be made").because(e))?;
        Ok(Self { client, endpoint })
    }

    /// Posts a document.
    ///
    /// # Errors
    /// Why it was not taken. Which answers pass is for the specification to say (OTLP/HTTP,
    /// "Failures": 429, 502, 503, 504, and no answer at all).
    pub async fn post(&self, document: &Value) -> Result<(), Untaken> {
        let request = self.client.post(self.endpoint.0.clone()).body(document.to_string());
        let answer = request.send().await.map_err(|error| {
            let error = error.without_url();
            let cause = innermost(&error);
            Untaken { why: cause, passes: !error.is_builder(), wait: None }
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let passes = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        Err(Untaken { why: format!("it answers {status}"), passes, wait })
    }
}

#[track_caller]
fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

/// What went wrong at the bottom of it; the library's own words above say only that it did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Headers as the variable has them. No value is shown: it may be a password.
fn headers(said: &str) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for pair in said.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (name.trim(), decoded(value.trim()));
        let named = HeaderName::try_from(name).ok().filter(|_| pair.contains('='));
        let valued = value.and_then(|value| HeaderValue::from_bytes(&value).ok());
        let (Some(named), Some(mut valued)) = (named, valued) else {
            return Err(invalid(format!("{HEADERS} has a header that cannot be sent: `{name}`"))
                .help("write name=value,name=value; `%2C` stands for a comma in a value"));
        };
        valued.set_sensitive(true);
        headers.append(named, valued);
    }
    Ok(headers)
}

/// Bytes of a percent-encoded text.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_with_what_is_usual() {
        for (url, expected) in [
            ("http://localhost", "http://localhost:4318/v1/traces"),
            ("http://10.0.0.7:80/", "http://10.0.0.7/v1/traces"),
            ("http://[::1]/otlp/", "http://[::1]:4318/otlp/v1/traces"),
            ("http://[::1]:9/a/b", "http://[::1]:9/a/b/v1/traces"),
            ("https://collector.city", "https://collector.city/v1/traces"),
            ("https://collector.city:4318/x", "https://collector.city:4318/x/v1/traces"),
        ] {
            assert_eq!(Endpoint::parse(url).expect(url).0.as_str(), expected);
        }
        for url in [
            "ftp://a",
            "a:4318",
            "http://",
            "http://u:p@a",
            "http://u@a",
            "http://a b",
            "http://a\r\nX:",
            "http://a/?token=1",
            "http://a/#x",
        ] {
            assert_eq!(Endpoint::parse(url).expect_err(url).kind, ErrorKind::Invalid);
        }
    }

    #[test]
    fn headers_are_decoded_and_a_bad_one_is_named_without_its_value() {
        let found = headers("api-key=a%2Cb%3d, x-city = 101 ,,authorization=Basic%20eA==");
        let found = found.expect("headers");
        let value = |name: &str| found[name].to_str().expect("a text");
        assert_eq!(value("api-key"), "a,b=");
        assert_eq!(value("x-city"), "101");
        assert_eq!(value("authorization"), "Basic eA==");
        assert_eq!(found.len(), 3);
        for said in ["secret", "a b=secret", "a=secret%2", "a=secret%zz", "a=secret%0A"] {
            let error = headers(said).expect_err(said);
            assert_eq!(error.kind, ErrorKind::Invalid);
            let is_name = said == "secret";
            assert!(is_name || !error.message.contains("secret"), "{}", error.message);
        }
    }
}
