//! The status of a running process: the document of `/statusz`, from which the page is drawn.
//!
//! What the tables say ([`Status`]) is joined here with what the process knows: lag and waiting
//! time from its metrics, what its workers do, and how its subject tables follow.

use crate::activity::{Activity, Doing, Following};
use crate::commands::incidents::PartitionLine;
use crate::commands::status::{DatasetLine, OffLine, Status, SubjectLine};
use crate::incident;
use crate::installation::Installation;
use crate::readings::{Cells, Readings};
use huiliu_model::Contract;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Version of the shape of the document.
const FORMAT_VERSION: &str = "1.0";

/// How one dataset or table stands against what is declared for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A person must decide.
    Stopped,
    /// It waits for something that does not answer, or keeps an old version after a failure.
    Blocked,
    /// Beyond `page_after`.
    Overdue,
    /// Beyond `warn_after`.
    Late,
    Fresh,
    /// Another process reads or refreshes it, or nothing is known yet.
    Elsewhere,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    pub format_version: &'static str,
    pub version: &'static str,
    pub revision: &'static str,
    /// When this was looked at; RFC 3339, UTC.
    pub at: String,
    pub lake: String,
    pub protection: Option<&'static str>,
    /// Partitions that this process reads; null before the group has answered.
    pub partitions: Option<u64>,
    pub datasets: Vec<DatasetReport>,
    pub subjects: Vec<SubjectReport>,
    pub incidents: Vec<IncidentReport>,
    pub doing: Vec<Doing>,
    pub off: Vec<OffLine>,
}

#[derive(Debug, Clone, Serialize)]
pub struct DatasetReport {
    #[serde(flatten)]
    pub line: DatasetLine,
    pub standing: Standing,
    /// How long the oldest record that is not durable has waited, at most; 0 when none waits.
    pub waiting_seconds: Option<u64>,
    pub warn_after_seconds: u64,
    pub page_after_seconds: u64,
    /// Over the last look.
    pub records_per_second: f64,
    /// Share of checked cells since the process began, 0 to 1; null before the first.
    pub pass_rate_raw: Option<f64>,
    pub pass_rate_repaired: Option<f64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SubjectReport {
    #[serde(flatten)]
    pub line: SubjectLine,
    pub title: String,
    pub title_en: String,
    pub standing: Standing,
    /// How long something has landed that the table does not show; null where not known.
    pub behind_seconds: Option<u64>,
    pub warn_after_seconds: u64,
    pub page_after_seconds: u64,
    /// Why it keeps an old version.
    pub failure: Option<String>,
}

/// Something that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentReport {
    pub what: String,
    pub kind: incident::Kind,
    pub why: String,
    /// The same in Chinese; what an error says stays as it is.
    pub why_zh: String,
    /// When it began; RFC 3339.
    pub since: Option<String>,
    /// The command that resolves it, or shows what does.
    pub command: String,
}

/// What was seen before, from which rates and waiting times are taken.
#[derive(Debug, Default)]
pub struct Memory {
    received: BTreeMap<String, f64>,
    received_at: Option<Duration>,
    /// When nothing of a dataset waited, seconds of the epoch.
    idle_at: BTreeMap<String, f64>,
}

/// One look at everything.
pub struct Look<'a> {
    pub installation: &'a Installation,
    pub readings: &'a Readings,
    pub activity: &'a Activity,
    /// Partitions that stand still, as Kafka answered when it was asked.
    pub stuck: &'a [PartitionLine],
    /// Microseconds of the epoch.
    pub now_us: i64,
}

impl Look<'_> {
    /// Joins what the tables say with what the process knows.
    pub fn report(&self, status: Status, memory: &mut Memory) -> Report {
        let rates = memory.rates(self.readings.received(), self.activity.now());
        let mut report = Report {
            format_version: FORMAT_VERSION,
            version: crate::metrics::VERSION,
            revision: crate::metrics::REVISION,
            at: chrono::DateTime::from_timestamp_micros(self.now_us)
                .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
                .unwrap_or_default(),
            lake: status.lake,
            protection: status.protection,
            partitions: self.readings.partitions(),
            doing: self.activity.doing(),
            off: status.off,
            ..Report::default()
        };
        self.datasets(status.datasets, &rates, memory, &mut report);
        self.subjects(status.subjects, &mut report);
        let stuck = self.readings.stuck_partitions();
        report.incidents.extend(stuck.into_iter().map(|(partition, kind)| {
            let line = self.stuck.iter().find(|line| line.partition == partition);
            let command = line.map_or("huiliu incidents list", |line| line.remedy.as_str());
            let of = incident::Kind::of_label(&kind).unwrap_or(incident::Kind::Unknown);
            IncidentReport {
                what: partition,
                kind: of,
                why: kind,
                why_zh: of.chinese().to_owned(),
                since: None,
                command: command.to_owned(),
            }
        }));
        report
            .datasets
            .sort_by(|a, b| (a.standing, &a.line.dataset).cmp(&(b.standing, &b.line.dataset)));
        report
            .subjects
            .sort_by(|a, b| (a.standing, &a.line.table).cmp(&(b.standing, &b.line.table)));
        report
    }

    fn datasets(
        &self,
        lines: Vec<DatasetLine>,
        rates: &BTreeMap<String, f64>,
        memory: &mut Memory,
        report: &mut Report,
    ) {
        let cells = self.readings.cells();
        let waits = self.readings.waiting_for_schemas();
        let contracts = &self.installation.project.contracts;
        for mut line in lines {
            let Some(contract) = contracts.iter().find(|c| *c.dataset == *line.dataset) else {
                continue;
            };
            let waiting = self.waiting(contract, &mut line, memory);
            let standing = match waiting {
                _ if line.stopped.is_some() => Standing::Stopped,
                _ if waits.contains(&line.dataset) => Standing::Blocked,
                None => Standing::Elsewhere,
                Some(seconds) => {
                    judge(seconds, contract.freshness.warn_after, contract.freshness.page_after)
                }
            };
            let stop = line.stopped.as_ref();
            report.incidents.extend(stop.map(|stop| IncidentReport {
                what: stop.dataset.clone(),
                kind: incident::Kind::of_label(stop.reason).unwrap_or(incident::Kind::Unknown),
                why: stop.text.clone(),
                why_zh: incident::stopped(stop),
                since: stop.since.clone(),
                command: stop.remedy.clone(),
            }));
            if waits.contains(&line.dataset) {
                report.incidents.push(IncidentReport {
                    what: line.dataset.clone(),
                    kind: incident::Kind::SchemaRegistry,
                    why: "waits for the schema registry".into(),
                    why_zh: incident::Kind::SchemaRegistry.chinese().to_owned(),
                    since: None,
                    command: "huiliu doctor".into(),
                });
            }
            let checked = cells.get(&line.dataset).copied().unwrap_or_default();
            report.datasets.push(DatasetReport {
                standing,
                waiting_seconds: waiting,
                warn_after_seconds: contract.freshness.warn_after.as_secs(),
                page_after_seconds: contract.freshness.page_after.as_secs(),
                records_per_second: rates.get(&line.dataset).copied().unwrap_or(0.0),
                pass_rate_raw: share(checked, checked.passed_raw),
                pass_rate_repaired: share(checked, checked.passed_repaired),
                line,
            });
        }
    }

    /// Sets the lag, and says how long the oldest record waits; `None` where no partition is ours.
    fn waiting(
        &self,
        contract: &Contract,
        line: &mut DatasetLine,
        memory: &mut Memory,
    ) -> Option<u64> {
        let topics = self.readings.topics();
        let name = contract.kafka_topics.to_string();
        let reading = topics.get(&name)?;
        line.lag_records = Some(reading.lag_records);
        #[allow(clippy::cast_precision_loss, reason = "microseconds of this century fit a double")]
        let now = self.now_us as f64 / 1e6;
        let idle = memory.idle_at.entry(line.dataset.clone()).or_insert(now);
        if reading.lag_records == 0 {
            *idle = now;
            return Some(0);
        }
        // A quiet topic is not a late one: it waits no longer than since nothing waited.
        let since = reading.waiting_after.unwrap_or(*idle).max(*idle);
        Some(Duration::try_from_secs_f64(now - since).unwrap_or_default().as_secs())
    }

    fn subjects(&self, lines: Vec<SubjectLine>, report: &mut Report) {
        let (following, now) = (self.activity.tables(), self.activity.now());
        for line in lines {
            let Some(table) = self.installation.project.table(&line.table) else { continue };
            let (warn, page) = (table.freshness.warn_after, table.freshness.page_after);
            let mut failure = None;
            let (standing, behind) = match following.get(&line.table) {
                None => (Standing::Elsewhere, None),
                Some(Following::Current) => (Standing::Fresh, Some(0)),
                Some(Following::Behind { since }) => {
                    let seconds = now.saturating_sub(*since).as_secs();
                    (judge(seconds, warn, page), Some(seconds))
                }
                Some(Following::Failed { since, outcome, why }) => {
                    let kind = incident::Kind::of_label(outcome);
                    let kind = kind.unwrap_or(incident::Kind::Failed);
                    report.incidents.push(IncidentReport {
                        what: line.table.clone(),
                        kind,
                        why: format!("{outcome}: {why}"),
                        why_zh: format!("{}:{why}", kind.chinese()),
                        since: None,
                        command: refresh_command(&line.table, self.now_us),
                    });
                    failure = Some(why.clone());
                    (Standing::Blocked, Some(now.saturating_sub(*since).as_secs()))
                }
            };
            report.subjects.push(SubjectReport {
                title: table.title.clone(),
                title_en: table.title_en.clone(),
                standing,
                behind_seconds: behind,
                warn_after_seconds: warn.as_secs(),
                page_after_seconds: page.as_secs(),
                failure,
                line,
            });
        }
    }
}

/// A refresh by hand says why it fails, and tells when it does no more.
fn refresh_command(table: &str, now_us: i64) -> String {
    let today = chrono::DateTime::from_timestamp_micros(now_us).unwrap_or_default().date_naive();
    format!("huiliu refresh {table} --as-of {today}")
}

fn judge(seconds: u64, warn_after: Duration, page_after: Duration) -> Standing {
    match Duration::from_secs(seconds) {
        late if late > page_after => Standing::Overdue,
        late if late > warn_after => Standing::Late,
        _ => Standing::Fresh,
    }
}

fn share(cells: Cells, passed: f64) -> Option<f64> {
    (cells.checked > 0.0).then(|| passed / cells.checked)
}

impl Memory {
    /// Records per second since the last look.
    fn rates(&mut self, received: BTreeMap<String, f64>, now: Duration) -> BTreeMap<String, f64> {
        let passed = self.received_at.map(|at| now.saturating_sub(at).as_secs_f64());
        let rate = |(dataset, count): (&String, &f64)| {
            let seconds = passed.filter(|seconds| *seconds > 0.0)?;
            let before = self.received.get(dataset).copied().unwrap_or(0.0);
            Some((dataset.clone(), (count - before).max(0.0) / seconds))
        };
        let rates = received.iter().filter_map(rate).collect();
        (self.received, self.received_at) = (received, Some(now));
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_judged_by_what_is_declared() {
        let (warn, page) = (Duration::from_secs(60), Duration::from_secs(600));
        let judged = [0, 60, 61, 600, 601].map(|seconds| judge(seconds, warn, page));
        use Standing::{Fresh, Late, Overdue};
        assert_eq!(judged, [Fresh, Fresh, Late, Late, Overdue]);
    }

    #[test]
    fn a_rate_is_taken_between_two_looks() {
        let mut memory = Memory::default();
        let at = |count: f64| BTreeMap::from([("a".to_owned(), count)]);
        assert!(memory.rates(at(100.0), Duration::from_secs(10)).is_empty(), "nothing to compare");
        assert_eq!(memory.rates(at(150.0), Duration::from_secs(15))["a"], 10.0);
        assert_eq!(memory.rates(at(150.0), Duration::from_secs(20))["a"], 0.0);
    }

    #[test]
    fn cells_that_were_never_checked_have_no_share() {
        assert_eq!(share(Cells::default(), 0.0), None);
        let cells = Cells { checked: 200.0, passed_raw: 150.0, passed_repaired: 190.0 };
        assert_eq!(share(cells, cells.passed_raw), Some(0.75));
    }
}
