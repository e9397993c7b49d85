//! One look at a process' metrics: a request to its admin port, and the lines of the answer.

use crate::installation::clock;
use huiliu_model::{Error, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a process has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// 3,640 datasets are 20 MiB of metrics; more is no answer of ours.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Values of one moment.
#[derive(Debug, Default)]
pub struct Sample {
    /// By the process' monotonic clock.
    pub at: Duration,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Sample {
    /// Reads Prometheus' text form; lines that are none are passed over.
    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { at: Duration::ZERO, series: lines.filter_map(series).collect() }
    }

    /// Sum of all series of a name, or of those with one label.
    pub fn sum(&self, name: &str, label: Option<(&str, &str)>) -> f64 {
        let has = |series: &&Series| {
            series.name == name
                && label.is_none_or(|(key, value)| {
                    series.labels.get(key).is_some_and(|held| held == value)
                })
        };
        self.series.iter().filter(has).map(|series| series.value).sum()
    }

    /// The values of one label among the series of a name.
    pub fn values_of(&self, name: &str, label: &str) -> BTreeSet<String> {
        let of = self.series.iter().filter(|series| series.name == name);
        of.filter_map(|series| series.labels.get(label).cloned()).collect()
    }
}

/// `name{label="value",…} 1.5`. Label values of ours hold neither quotes nor backslashes.
fn series(line: &str) -> Option<Series> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').unwrap_or((head, ""));
    let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| {
        let (key, value) = label.split_once("=\"")?;
        Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some(Series { name: name.to_owned(), labels: labels.collect(), value: value.parse().ok()? })
}

/// Asks a process for its metrics.
///
/// # Errors
/// `Unavailable` when nobody answers there, or somebody else.
pub async fn fetch(admin: SocketAddr) -> Result<Sample, Error> {
    let silent = |why: String| {
        Error::new(ErrorKind::Unavailable, format!("no huiliu answers at {admin}: {why}"))
            .help("start `huiliu run`, or name its admin address with --admin")
    };
    let asked = tokio::time::timeout(PATIENCE, ask(admin)).await;
    let answer = asked.map_err(|_| silent("it took longer than 5 s".into()))?;
    let answer = answer.map_err(|e| silent(e.to_string()))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if !head.lines().next().is_some_and(|status| status.contains(" 200 ")) {
        return Err(silent("it has no metrics".into()));
    }
    let sample = Sample::parse(body);
    match sample.series.iter().any(|series| series.name == "huiliu_build_info") {
        true => Ok(Sample { at: clock_now(), ..sample }),
        false => Err(silent("its metrics are of another program".into())),
    }
}

/// Wall-clock time, for the span between two looks.
fn clock_now() -> Duration {
    Duration::from_micros(u64::try_from(clock().now_us()).unwrap_or(0))
}

async fn ask(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_name_and_label() {
        let sample = Sample::parse(
            "# TYPE a counter\na{dataset=\"x\",stage=\"s\"} 1.5\na{dataset=\"y\",stage=\"s\"} 2\n\
             b 7\nbroken\n",
        );
        assert_eq!(sample.sum("a", None), 3.5);
        assert_eq!(sample.sum("a", Some(("dataset", "y"))), 2.0);
        assert_eq!(sample.sum("b", None), 7.0);
        assert_eq!(sample.values_of("a", "dataset"), ["x".to_owned(), "y".to_owned()].into());
    }
}
