//! `huiliu status`: what the tables say of themselves, and how far Kafka is ahead of them.

use crate::cli::{Global, StatusArgs};
use crate::commands::incidents::StoppedLine;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, clock, off, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use chrono::{DateTime, SecondsFormat};
use huiliu_kafka::Route;
use huiliu_lake::{DatasetStatus, Lake, Layout, SubjectStatus};
use huiliu_model::Contract;
use huiliu_spec::settings::Protection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// State of one installation.
#[derive(Debug, Serialize)]
pub struct Status {
    pub lake: String,
    /// `keys`, `plain`, or null when the settings do not say.
    pub protection: Option<&'static str>,
    pub datasets: Vec<DatasetLine>,
    pub subjects: Vec<SubjectLine>,
    pub off: Vec<OffLine>,
}

/// A subject that is not built.
#[derive(Debug, Clone, Serialize)]
pub struct OffLine {
    pub subject: String,
    pub why: String,
    /// Tables that the lake still holds of it.
    pub tables_left: usize,
}

/// State of one dataset.
#[derive(Debug, Clone, Serialize)]
pub struct DatasetLine {
    pub dataset: String,
    pub title: String,
    pub current_rows: i64,
    pub changes_rows: i64,
    /// Changes that the fold has not reached; `query` sees them all the same.
    pub pending_rows: i64,
    pub rejected_rows: i64,
    /// Offsets that Kafka has and the lake has not; null when Kafka was not asked.
    pub lag_records: Option<i64>,
    pub last_commit: Option<String>,
    /// Seconds since the last commit.
    pub age_seconds: Option<i64>,
    pub changes_version: i64,
    pub folded_version: i64,
    pub size_bytes: i64,
    /// Per partition, the first offset that is not in the lake.
    pub progress: BTreeMap<String, i64>,
    /// Why it stands still; null while it goes on.
    pub stopped: Option<StoppedLine>,
    /// For metrics.
    #[serde(skip)]
    pub layouts: [(&'static str, Layout); 3],
}

/// State of one subject table.
#[derive(Debug, Clone, Serialize)]
pub struct SubjectLine {
    pub table: String,
    /// Null before the first build.
    pub rows: Option<i64>,
    pub last_build: Option<String>,
    pub age_seconds: Option<i64>,
    pub version: Option<i64>,
    pub size_bytes: Option<i64>,
    /// Input versions, parameters and checks of the build.
    pub build: serde_json::Value,
    /// For metrics; none before the first build.
    #[serde(skip)]
    pub layout: Option<Layout>,
}

impl Form for Status {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let protection = self.protection.unwrap_or("not said");
        writeln!(out, "lake {}, protection: {protection}\n", self.lake)?;
        let mut table = table(&[
            ("dataset", Align::Left),
            ("current", Align::Right),
            ("changes", Align::Right),
            ("to fold", Align::Right),
            ("rejects", Align::Right),
            ("lag", Align::Right),
            ("last commit", Align::Left),
            ("title", Align::Left),
        ]);
        for line in &self.datasets {
            table.push([
                Some(line.dataset.clone()),
                Some(line.current_rows.to_string()),
                Some(line.changes_rows.to_string()),
                Some(line.pending_rows.to_string()),
                Some(line.rejected_rows.to_string()),
                Some(line.lag_records.map_or_else(|| "?".to_owned(), |lag| lag.to_string())),
                Some(line.age_seconds.map_or_else(|| "never".to_owned(), ago)),
                Some(line.title.clone()),
            ]);
        }
        let mut out = out;
        table.print(&mut out)?;
        for stop in self.datasets.iter().filter_map(|line| line.stopped.as_ref()) {
            writeln!(out, "\n{}\n  to go on: {}", stop.text, stop.remedy)?;
        }
        for line in &self.off {
            write!(out, "\n{}", off(&line.subject, &line.why).0)?;
            if line.tables_left > 0 {
                let (left, subject) = (line.tables_left, &line.subject);
                write!(out, "\n  {left} of its tables are left: huiliu subject purge {subject}")?;
            }
            writeln!(out)?;
        }
        if self.subjects.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut table = self::table(&[
            ("subject table", Align::Left),
            ("rows", Align::Right),
            ("version", Align::Right),
            ("last build", Align::Left),
            ("parameters", Align::Left),
        ]);
        for line in &self.subjects {
            let parameters =
                line.build.pointer("/build/parameters").or(line.build.get("parameters"));
            table.push([
                Some(line.table.clone()),
                Some(line.rows.map_or_else(String::new, |rows| rows.to_string())),
                Some(line.version.map_or_else(String::new, |version| version.to_string())),
                Some(line.age_seconds.map_or_else(|| "never".to_owned(), ago)),
                Some(parameters.map_or_else(String::new, serde_json::Value::to_string)),
            ]);
        }
        table.print(&mut out)
    }
}

/// Prints the state of the installation's tables.
///
/// # Errors
/// As the lake answers; a Kafka that does not is said and its lag left out.
pub fn execute(args: &StatusArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let status = runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        let mut status = of(&installation, &lake).await?;
        if !args.offline && installation.settings.kafka.bootstrap_servers.is_some() {
            lag(&installation, &mut status, console).await;
        }
        Ok::<_, Failure>(status)
    })?;
    answer(args.output.form, &status)
}

/// What the tables say.
///
/// # Errors
/// As the lake answers.
pub async fn of(installation: &Installation, lake: &Lake) -> Result<Status, Failure> {
    let now_ms = clock().now_us() / 1_000;
    let datasets = lake.status().await?;
    let mut subjects = Vec::new();
    for (subject, table) in installation.subject_tables() {
        let found = lake.subject_status(&subject, &table).await?;
        subjects.push(subject_line(format!("{subject}.{table}"), found, now_ms));
    }
    let mut off = Vec::new();
    for (subject, why) in &installation.project.off {
        let tables_left = lake.subject_remains(subject).await?.len();
        off.push(OffLine { subject: subject.clone(), why: why.clone(), tables_left });
    }
    Ok(Status {
        lake: lake.location().to_owned(),
        protection: installation.settings.protection.map(|said| match said {
            Protection::Plain => "plain",
            Protection::Keys => "keys",
        }),
        datasets: datasets.into_iter().map(|found| dataset_line(found, now_ms)).collect(),
        subjects,
        off,
    })
}

/// Asks Kafka for its ends; without an answer the lag stays unknown, and why is said.
async fn lag(installation: &Installation, status: &mut Status, console: &Console) {
    let contracts = installation.project.contracts.clone();
    let route = |c: &Arc<Contract>| Route {
        dataset: c.dataset.clone(),
        kafka_topics: c.kafka_topics.clone(),
    };
    let routes: Vec<Route> = contracts.iter().map(route).collect();
    let asked = installation.kafka().map(|kafka| {
        tokio::task::spawn_blocking(move || huiliu_kafka::end_offsets(&kafka, &routes))
    });
    let answer = match asked {
        Ok(task) => task.await,
        Err(failure) => return failure.report(console),
    };
    let ends = match answer {
        Ok(Ok(ends)) => ends,
        Ok(Err(error)) => return console.warn(format!("the lag is unknown: {error}")),
        Err(panic) => return console.warn(format!("the lag is unknown: {panic}")),
    };
    for (line, contract) in status.datasets.iter_mut().filter_map(|line| {
        let contract = contracts.iter().find(|c| *c.dataset == *line.dataset)?;
        Some((line, contract))
    }) {
        let of_dataset =
            ends.iter().filter(|(p, _)| contract.kafka_topics.contains(&p.kafka_topic));
        let left = of_dataset.map(|(partition, end)| {
            let next = line.progress.get(&partition.to_string()).copied().unwrap_or(0);
            (end - next).max(0)
        });
        line.lag_records = left.reduce(|sum, records| sum + records);
    }
}

fn dataset_line(found: DatasetStatus, now_ms: i64) -> DatasetLine {
    let at = Some(found.committed_at_ms).filter(|at| *at > 0);
    DatasetLine {
        dataset: found.dataset,
        title: found.title,
        current_rows: found.current_rows,
        changes_rows: found.changes_rows,
        pending_rows: found.pending_rows,
        rejected_rows: found.rejected_rows,
        lag_records: None,
        last_commit: at.and_then(instant),
        age_seconds: at.map(|at| (now_ms - at).max(0) / 1_000),
        changes_version: found.changes_version,
        folded_version: found.folded_version,
        size_bytes: found.size_bytes,
        progress: found.progress,
        stopped: found.stopped.as_ref().map(StoppedLine::from),
        layouts: found.layouts,
    }
}

fn subject_line(table: String, found: Option<SubjectStatus>, now_ms: i64) -> SubjectLine {
    let at = found.as_ref().map(|f| f.committed_at_ms);
    SubjectLine {
        table,
        rows: found.as_ref().map(|f| f.rows),
        last_build: at.and_then(instant),
        age_seconds: at.map(|at| (now_ms - at).max(0) / 1_000),
        version: found.as_ref().map(|f| f.version),
        size_bytes: found.as_ref().map(|f| f.size_bytes),
        layout: found.as_ref().map(|f| f.layout),
        build: found.map_or(serde_json::Value::Null, |f| f.record),
    }
}

fn instant(ms: i64) -> Option<String> {
    DateTime::from_timestamp_millis(ms).map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A span in its largest unit.
fn ago(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

fn table(columns: &[(&str, Align)]) -> Table {
    Table::new(columns.iter().map(|(name, align)| ((*name).to_owned(), *align)))
        .fit(terminal_width())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let told = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 864_000].map(ago);
        let expected = [
            "0 s ago",
            "59 s ago",
            "1 min ago",
            "59 min ago",
            "1 h ago",
            "23 h ago",
            "1 d ago",
            "10 d ago",
        ];
        assert_eq!(told, expected);
    }
}
