//! One request to a collector: HTTP/1.1 over a connection of its own.

use huiliu_model::{Error, ErrorKind};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The port of OTLP over HTTP.
const PORT: u16 = 4318;
/// What is read of an answer; its first line is what counts.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `host:port`.
    authority: String,
    path: String,
}

impl Endpoint {
    /// `http://host[:port][/prefix]`; `/v1/traces` follows the prefix, as the specification says.
    ///
    /// # Errors
    /// `Invalid` for everything else, `https` and user names among it.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(ErrorKind::Invalid, format!("the collector `{url}` cannot be used: {why}"))
        };
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            invalid("it is not an http:// URL; for TLS put a collector beside the process")
        })?;
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |text: &str| text.bytes().all(|c| c.is_ascii_graphic());
        if authority.is_empty() || authority.contains('@') || !is_plain(rest) {
            return Err(invalid("it names no host, or more than host, port and path"));
        }
        // A colon inside brackets belongs to an IPv6 address.
        let has_port = authority.rfind(':') > authority.rfind(']');
        let port = if has_port { String::new() } else { format!(":{PORT}") };
        let prefix = prefix.trim_end_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        let path = format!("{slash}{prefix}/v1/traces");
        Ok(Self { authority: format!("{authority}{port}"), path })
    }

    /// Posts a document; says why when it was not taken.
    pub async fn post(&self, document: &Value) -> Result<(), String> {
        let answer = tokio::time::timeout(PATIENCE, self.ask(document.to_string())).await;
        let answer = answer.map_err(|_| "it took longer than 5 s".to_owned())?;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.lines().next().unwrap_or_default();
        match status.split(' ').nth(1) {
            Some(code) if code.starts_with('2') => Ok(()),
            _ => Err(format!("it answers `{}`", status.trim())),
        }
    }

    async fn ask(&self, body: String) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(&self.authority).await?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.authority,
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_with_what_is_usual() {
        for (url, authority, path) in [
            ("http://localhost", "localhost:4318", "/v1/traces"),
            ("http://10.0.0.7:80/", "10.0.0.7:80", "/v1/traces"),
            ("http://[::1]/otlp/", "[::1]:4318", "/otlp/v1/traces"),
            ("http://[::1]:9/a/b", "[::1]:9", "/a/b/v1/traces"),
        ] {
            let expected = Endpoint { authority: authority.into(), path: path.into() };
            assert_eq!(Endpoint::parse(url).expect(url), expected);
        }
        for url in
            ["https://a", "a:4318", "http://", "http://u:p@a", "http://a b", "http://a\r\nX:"]
        {
            assert_eq!(Endpoint::parse(url).expect_err(url).kind, ErrorKind::Invalid);
        }
    }
}
