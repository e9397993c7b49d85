//! Reloading: files that changed are taken over by a running process where that is safe.
//!
//! | what differs | then |
//! |---|---|
//! | of a dataset: title, freshness, `stop_if`, `drift`, `land`, checks | taken over |
//! | of a table: title, freshness | taken over |
//! | topics, format, mode, key, columns, buckets, epoch | refused: `huiliu plan` shows it |
//! | a query and its checks; a dataset or table more or fewer | refused: `huiliu plan` shows it |
//! | a file that is wrong | refused: `huiliu validate` shows it |
//!
//! `huiliu.yaml` itself is read at the start only. Taking over drains the session and opens the
//! next one with the new contracts, inside the process: progress is in the tables, so nothing is
//! lost and nothing read twice.

use crate::console::Console;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::service::Manager;
use huiliu_model::{Clock, Contract, Error, ErrorKind};
use huiliu_spec::{Project, TableSpec};
use prometheus::{IntGauge, Registry};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often files are looked at with `--watch`.
const LOOK: Duration = Duration::from_secs(2);

/// What is told of reloads.
#[derive(Clone)]
pub struct Metrics {
    successful: IntGauge,
    succeeded_at: IntGauge,
}

impl Metrics {
    /// The start counts as the first success.
    ///
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry, clock: &dyn Clock) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, about: &str| {
            let gauge = IntGauge::new(name, about)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let metrics = Self {
            successful: gauge(
                "huiliu_config_last_reload_successful",
                "1 when the files were taken over when last looked at, 0 when they were refused.",
            )?,
            succeeded_at: gauge(
                "huiliu_config_last_reload_success_timestamp_seconds",
                "When files were last taken over; first the start of the process.",
            )?,
        };
        metrics.succeeded(clock);
        Ok(metrics)
    }

    fn succeeded(&self, clock: &dyn Clock) {
        self.successful.set(1);
        self.succeeded_at.set(clock.now_us() / 1_000_000);
    }
}

/// How two projects differ, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    pub safe: Vec<String>,
    pub refused: Vec<String>,
}

/// Compares what runs with what the files say now.
pub fn compare(old: &Project, new: &Project) -> Differences {
    let mut found = Differences::default();
    let by_name = |project: &Project| -> BTreeMap<String, Vec<Fact>> {
        let contracts = project.contracts.iter().map(|c| (c.dataset.to_string(), dataset(c)));
        contracts.chain(project.built_tables().map(|t| (t.full_name(), table(t)))).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        found.refused.push(format!("{name} is gone"));
    }
    for (name, facts) in &new {
        let Some(before) = old.get(name) else {
            found.refused.push(format!("{name} is new"));
            continue;
        };
        for (fact, was) in facts.iter().zip(before).filter(|(fact, was)| fact.text != was.text) {
            let list = if fact.is_safe { &mut found.safe } else { &mut found.refused };
            list.push(format!("{name}: {}", was.name));
        }
    }
    found
}

/// One thing that is declared, as text that differs when it does.
struct Fact {
    name: &'static str,
    is_safe: bool,
    text: String,
}

fn fact(is_safe: bool, name: &'static str, value: &dyn std::fmt::Debug) -> Fact {
    Fact { name, is_safe, text: format!("{value:?}") }
}

fn dataset(c: &Contract) -> Vec<Fact> {
    vec![
        fact(true, "title", &(&c.title, &c.provider, &c.cycle)),
        fact(true, "freshness", &c.freshness),
        fact(true, "stop_if", &c.stop_if),
        fact(true, "drift", &c.drift),
        fact(true, "land", &c.land),
        fact(true, "checks", &c.checks),
        fact(false, "group", &c.group),
        fact(false, "source", &(&c.kafka_topics, &c.format, c.epoch)),
        fact(false, "mode", &c.mode),
        fact(false, "columns", &c.columns),
        fact(false, "key", &(&c.key, &c.bucket_by, c.buckets)),
    ]
}

fn table(t: &TableSpec) -> Vec<Fact> {
    vec![
        fact(true, "title", &(&t.title, &t.title_en, &t.grain)),
        fact(true, "freshness", &t.freshness),
        fact(false, "key", &(&t.key, &t.identity, t.buckets)),
        fact(false, "inputs", &(&t.inputs, &t.parameters)),
        fact(false, "columns", &(&t.columns, &t.declassify)),
        fact(false, "query", &t.query),
        fact(false, "checks", &t.checks),
    ]
}

/// Waits for a change of the files that can be taken over.
pub struct Reloader {
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    console: Console,
    manager: Manager,
    hangup: Signal,
    /// The files as last looked at; `None` where only SIGHUP is waited for.
    seen: Option<Stamp>,
}

/// Time and size of every file.
type Stamp = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl Reloader {
    /// Begins to listen; a SIGHUP from now on is not missed.
    ///
    /// # Errors
    /// `Unavailable` when the system does not let us listen for it.
    pub fn new(engine: &Engine, watches: bool, console: &Console) -> Result<Self, Error> {
        let hangup = signal(SignalKind::hangup()).map_err(|source| {
            Error::new(ErrorKind::Unavailable, "the process cannot listen for SIGHUP")
                .because(source)
        })?;
        Ok(Self {
            metrics: engine.rooms.reloads.clone(),
            clock: Arc::clone(&engine.clock),
            console: console.clone(),
            manager: engine.manager.clone(),
            hangup,
            seen: watches.then(|| stamp(&engine.installation)),
        })
    }

    /// What is to run from now on. Files that are refused are told, and the wait goes on.
    pub async fn next(&mut self, running: &Installation) -> Installation {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {}
                () = tokio::time::sleep(LOOK), if self.seen.is_some() => {
                    let now = Some(stamp(running));
                    if now == self.seen {
                        continue;
                    }
                    self.seen = now;
                }
            }
            self.manager.reloading();
            if let Some(next) = self.look(running) {
                return next;
            }
            self.manager.ready("reading Kafka as before: the files were refused, or say the same");
        }
    }

    /// Files that were accepted could not be taken over; what ran goes on.
    pub fn failed(&self, failure: &Failure) {
        self.metrics.successful.set(0);
        tracing::error!("the changed files could not be taken over; what ran goes on");
        failure.report(&self.console);
    }

    fn look(&self, running: &Installation) -> Option<Installation> {
        let next = match Installation::with(running.settings.clone()) {
            Ok(next) => next,
            Err(failure) => {
                self.metrics.successful.set(0);
                tracing::error!("the changed files are wrong; what ran goes on: huiliu validate");
                failure.report(&self.console);
                return None;
            }
        };
        let Differences { safe, refused } = compare(&running.project, &next.project);
        if !refused.is_empty() {
            self.metrics.successful.set(0);
            tracing::error!(
                differs = refused.join("; "),
                "the changed files need a deployment; what ran goes on: huiliu plan"
            );
            return None;
        }
        self.metrics.succeeded(&*self.clock);
        if safe.is_empty() {
            tracing::info!("the files say what runs already");
            return None;
        }
        tracing::info!(differs = safe.join("; "), "taking the changed files over");
        Some(next)
    }
}

fn stamp(running: &Installation) -> Stamp {
    let mut found = Stamp::new();
    walk(&running.settings.pipelines, &mut found);
    walk(&running.settings.sql, &mut found);
    found
}

fn walk(folder: &Path, found: &mut Stamp) {
    // A folder that cannot be read now is looked at again the next time.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), found),
            _ => {
                let meta = entry.metadata().ok();
                let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
                found.insert(entry.path(), (modified, meta.map_or(0, |meta| meta.len())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_spec::Settings;

    fn project() -> Project {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (pipelines, sql) = (root.join("pipelines"), root.join("sql"));
        Project::load(&Settings { pipelines, sql, ..Settings::default() }).expect("a sound project")
    }

    #[test]
    fn the_same_files_differ_in_nothing() {
        assert_eq!(compare(&project(), &project()), Differences::default());
    }

    #[test]
    fn what_moves_rows_is_refused_and_what_judges_them_is_taken_over() {
        let (old, mut new) = (project(), project());
        let first = Arc::make_mut(&mut new.contracts[0]);
        let name = first.dataset.to_string();
        first.freshness.warn_after += Duration::from_secs(1);
        first.columns[0].title.push('x');
        let gone = new.contracts.pop().expect("there are 48").dataset.to_string();
        let expected = Differences {
            safe: vec![format!("{name}: freshness")],
            refused: vec![format!("{gone} is gone"), format!("{name}: columns")],
        };
        assert_eq!(compare(&old, &new), expected);
    }
}
