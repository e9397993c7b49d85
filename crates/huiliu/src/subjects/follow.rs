//! Subject tables that follow their inputs while a process ingests.
//!
//! One task looks every moment whether a dataset moved, pins all of them together, and refreshes
//! the tables that read one that did, some of them side by side, inputs first. It never holds
//! ingestion up: it runs beside it, each refresh on one partition, and what fails here is told and
//! tried again, while records go on to land. A table whose check fails keeps its last good
//! version. Tables whose build takes long come last, one in a round ([`order`](super::order)).
//!
//! Of several processes that follow one lake, the one that has the lease [`LEASE`] refreshes. That
//! saves work and guards nothing: where two do it after all, the first to commit wins, and the
//! other finds the table at the versions it was about to commit.

use crate::activity::{Activity, Work};
use crate::commands::rule::today;
use crate::duty::Duty;
use crate::installation::Installation;
use crate::otlp::Tracer;
use crate::subjects::Refresher;
use crate::subjects::order::{Queue, Slow};
use crate::subjects::sets::Newest;
use crate::subjects::times::Times;
use chrono::NaiveDate;
use huiliu_lake::Lake;
use huiliu_model::usage::Usage;
use huiliu_model::{Clock, Error, ErrorKind, code};
use huiliu_spec::TableSpec;
use huiliu_spec::table::InputKind;
use huiliu_subject::lake::{LakeInputs, Seen};
use huiliu_subject::{Refreshed, Way};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Name of the lease that says which process refreshes.
pub const LEASE: &str = "refresh";
/// How often it is looked whether a dataset moved, while none does.
const LOOK: Duration = Duration::from_millis(500);
/// Tables that are refreshed side by side, where there are as many processors.
const AT_ONCE_MAX: usize = 4;
/// How long a table that could not be refreshed is left alone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Edges of the freshness histogram; the objective is 5 s.
const EDGES: [f64; 13] =
    [0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 300.0, 900.0, 3_600.0];

/// Edges of the duration of one refresh, seconds.
const REFRESH_SECONDS: [f64; 8] = [0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0];

/// What is told of refreshes.
#[derive(Clone)]
pub struct Metrics {
    freshness: HistogramVec,
    refreshes: IntCounterVec,
    seconds: HistogramVec,
}

impl Metrics {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let about = "Time from a record's Kafka timestamp to its being visible in a subject table, \
                     one observation per change and table it is read for.";
        let freshness = HistogramVec::new(
            HistogramOpts::new("huiliu_subject_freshness_seconds", about).buckets(EDGES.to_vec()),
            &["table"],
        )?;
        let refreshes = IntCounterVec::new(
            Opts::new(
                "huiliu_subject_refreshes_total",
                "Refreshes of subject tables, by the way they went and how they ended.",
            ),
            &["table", "way", "outcome"],
        )?;
        let about = "Time of a refresh that ended well, by the way it went.";
        let name = "huiliu_subject_refresh_duration_seconds";
        let seconds = HistogramVec::new(
            HistogramOpts::new(name, about).buckets(REFRESH_SECONDS.to_vec()),
            &["way"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(freshness.clone()))?;
        registry.register(Box::new(refreshes.clone()))?;
        Ok(Self { freshness, refreshes, seconds })
    }

    /// A refresh ended.
    pub fn refreshed(&self, table: &str, way: Way, outcome: &str) {
        self.refreshes.with_label_values(&[table, way.label(), outcome]).inc();
    }

    /// A change became visible in a table.
    pub fn visible(&self, table: &str, after: Duration) {
        self.freshness.with_label_values(&[table]).observe(after.as_secs_f64());
    }

    fn took(&self, way: Way, took: Duration) {
        self.seconds.with_label_values(&[way.label()]).observe(took.as_secs_f64());
    }
}

/// What following needs.
pub struct Follow {
    pub installation: Arc<Installation>,
    pub lake: Lake,
    pub clock: Arc<dyn Clock>,
    pub metrics: Metrics,
    pub activity: Activity,
    pub duty: Arc<Duty>,
    /// Date that the tables count from; today without it.
    pub as_of: Option<NaiveDate>,
    pub over: CancellationToken,
    /// Where it is counted what refreshes hold and spill.
    pub usage: Arc<Usage>,
    pub tracer: Option<Tracer>,
}

/// What all refreshes of a process know; clones share it.
#[derive(Clone, Default)]
struct Known {
    seen: Seen,
    newest: Newest,
    times: Times,
    usage: Arc<Usage>,
}

impl Known {
    fn refresher<'a>(
        &self,
        (installation, lake): (&'a Installation, &'a Lake),
        as_of: NaiveDate,
    ) -> Refresher<'a> {
        let mut refresher = Refresher::new(installation, lake, as_of);
        (refresher.partitions, refresher.at_once) = (1, at_once());
        refresher.memory_bytes = installation.memory().beside_bytes();
        refresher.seen = self.seen.clone();
        refresher.newest = self.newest.clone();
        refresher.times = self.times.clone();
        refresher.usage = Arc::clone(&self.usage);
        refresher
    }
}

fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(AT_ONCE_MAX)
}

/// How much memory a refresh may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// One of several, side by side.
    Beside,
    /// What one has that runs by itself, beside ingestion: with that of ingestion and folds, seven
    /// eighths of the limit.
    Alone,
}

/// What was done so far.
#[derive(Default)]
struct Done {
    known: Known,
    /// Versions of the datasets that each table was last brought up to, and the date.
    tables: BTreeMap<String, (BTreeMap<String, i64>, NaiveDate)>,
    slow: Slow,
    /// When a table may be tried again.
    patience: BTreeMap<String, Duration>,
}

impl Follow {
    /// Follows until it is over. A refresh under way is dropped then, which leaves the last good
    /// version in place.
    pub async fn go_on(self) {
        let (mut done, mut more) = (Done::default(), false);
        done.known.usage = Arc::clone(&self.usage);
        loop {
            if !more {
                tokio::select! {
                    biased;
                    () = self.over.cancelled() => return,
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            if !self.duty.is_ours() {
                // What another process refreshes is not this one's to measure.
                done.tables.clear();
                self.activity.leave_tables();
                continue;
            }
            let round = async {
                self.round(&mut done).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the subject tables wait for the lake");
                    false
                })
            };
            tokio::select! {
                biased;
                () = self.over.cancelled() => return,
                left = round => more = left,
            }
        }
    }

    /// Refreshes what has to be, of slow tables one; whether to look again at once, because more
    /// wait, or because datasets that moved may have moved on meanwhile.
    async fn round(&self, done: &mut Done) -> Result<bool, Error> {
        let as_of = self.as_of.unwrap_or_else(today);
        let refresher = done.known.refresher((&self.installation, &self.lake), as_of);
        let tables: Vec<&TableSpec> = self.installation.project.built_tables().collect();
        let inputs = Arc::new(refresher.pin(&tables).await?);
        let versions = inputs.versions();
        let waiting: Vec<&TableSpec> = tables
            .iter()
            .copied()
            .filter(|table| {
                let name = table.full_name();
                let now = (self.versions_for(table, &versions), as_of);
                let waits = done.patience.get(&name).is_some_and(|at| self.clock.monotonic() < *at);
                !waits && done.tables.get(&name).is_none_or(|last| *last != now)
            })
            .collect();
        self.note_standing(&tables, &versions, as_of, done);
        let (round, more) = done.slow.round(&done.known.times.in_order(&waiting));
        let Some(moved) = self.refresh_all(round, (&inputs, as_of), done).await? else {
            return Ok(false);
        };
        let is_busy = more || !moved.is_empty();
        for subject in moved {
            let of_subject: Vec<&TableSpec> =
                tables.iter().filter(|table| table.subject == subject).copied().collect();
            refresher.note_sets(&of_subject, &inputs).await?;
        }
        Ok(is_busy)
    }

    /// Refreshes the tables, some side by side; the subjects that moved. `None` when the lease is
    /// lost: what is under way then is dropped.
    async fn refresh_all<'a>(
        &'a self,
        round: Vec<&'a TableSpec>,
        (inputs, as_of): (&Arc<LakeInputs>, NaiveDate),
        done: &mut Done,
    ) -> Result<Option<BTreeSet<&'a str>>, Error> {
        let mut moved = BTreeSet::new();
        let mut queue = Queue::new(round);
        let mut running = JoinSet::new();
        // Tables that need more memory than one of several has; the one that runs by itself.
        let (mut large, mut alone) = (Vec::new(), None);
        loop {
            if !self.duty.is_ours() {
                return Ok(None);
            }
            while alone.is_none()
                && running.len() < at_once()
                && let Some(table) = queue.next()
            {
                running.spawn(self.job(table, done, (inputs, as_of), Share::Beside));
            }
            if running.is_empty()
                && let Some(table) = large.pop()
            {
                running.spawn(self.job(table, done, (inputs, as_of), Share::Alone));
                alone = Some(table.full_name());
            }
            let Some(joined) = running.join_next().await else { return Ok(Some(moved)) };
            let (name, took, result) =
                joined.map_err(|e| Error::new(ErrorKind::Bug, "a refresh stopped").because(e))?;
            let Some(table) = self.installation.project.table(&name) else { continue };
            let was_alone = alone.take().is_some();
            if !was_alone && result.as_ref().is_err_and(|e| e.code() == code::NO_MEMORY) {
                tracing::debug!(table = name, "it is built when the others rest");
                large.push(table);
                continue;
            }
            queue.finished(&name);
            match result {
                Ok(refreshed) => {
                    let way = refreshed.decision.way;
                    self.metrics.took(way, took);
                    done.slow.note(&name, way, took);
                    self.metrics.refreshed(&name, way, "ok");
                    if way != Way::Nothing {
                        moved.insert(table.subject.as_str());
                    }
                    self.refreshed(table, (inputs, as_of), done).await;
                }
                Err(error) => self.failed(&name, &error, done),
            }
        }
    }

    /// Notes that a table shows its inputs, if all of them could be refreshed.
    async fn refreshed(
        &self,
        table: &TableSpec,
        (inputs, as_of): (&Arc<LakeInputs>, NaiveDate),
        done: &mut Done,
    ) {
        let name = table.full_name();
        self.observe(&name, inputs, done.tables.get(&name)).await;
        if self.behind(table, done) {
            // An input could not be refreshed: this table is seen to again.
            done.patience.insert(name, self.clock.monotonic() + PATIENCE);
        } else {
            self.activity.follows(&name, true);
            let now = self.versions_for(table, &inputs.versions());
            done.tables.insert(name, (now, as_of));
        }
    }

    /// Notes which tables show all that has landed.
    fn note_standing(
        &self,
        tables: &[&TableSpec],
        versions: &BTreeMap<String, i64>,
        as_of: NaiveDate,
        done: &Done,
    ) {
        for table in tables {
            let (name, now) = (table.full_name(), (self.versions_for(table, versions), as_of));
            self.activity.follows(&name, done.tables.get(&name) == Some(&now));
        }
    }

    /// One refresh as a task of its own: the table, how long it took, and what came of it.
    fn job(
        &self,
        table: &TableSpec,
        done: &Done,
        (inputs, as_of): (&Arc<LakeInputs>, NaiveDate),
        share: Share,
    ) -> impl Future<Output = (String, Duration, Result<Refreshed, Error>)> + Send + use<> {
        let (name, inputs, clock) = (table.full_name(), inputs.clone(), self.clock.clone());
        let (installation, lake) = (self.installation.clone(), self.lake.clone());
        let (known, activity) = (done.known.clone(), self.activity.clone());
        let reads: Vec<String> = self.datasets_of(table).into_iter().collect();
        let tracer = self.tracer.clone();
        async move {
            let mut refresher = known.refresher((&installation, &lake), as_of);
            if share == Share::Alone {
                refresher.memory_bytes = installation.memory().alone_bytes();
                refresher.at_once = 1;
            }
            let (begun, begun_us) = (clock.monotonic(), clock.now_us());
            let under_way = activity.begin(Work::Refresh, &name);
            let result = match installation.project.table(&name) {
                Some(table) => refresher.one(table, &inputs, inputs.are_small()).await,
                None => Err(Error::new(ErrorKind::Bug, format!("there is no table {name}"))),
            };
            drop(under_way);
            if let Some(tracer) = tracer {
                tracer.refreshed((&name, &reads), begun_us, result.as_ref());
            }
            (name, clock.monotonic().saturating_sub(begun), result)
        }
    }

    /// Versions of the datasets that a table is built on.
    fn versions_for(
        &self,
        table: &TableSpec,
        versions: &BTreeMap<String, i64>,
    ) -> BTreeMap<String, i64> {
        let reads = self.datasets_of(table);
        let of = versions.iter().filter(|(dataset, _)| reads.contains(dataset.as_str()));
        of.map(|(dataset, version)| (dataset.clone(), *version)).collect()
    }

    /// Whether a table that this one reads waits to be tried again.
    fn behind(&self, table: &TableSpec, done: &Done) -> bool {
        table.inputs.iter().filter(|input| input.kind == InputKind::Table).any(|input| {
            let at = done.patience.get(&input.name);
            at.is_some_and(|at| self.clock.monotonic() < *at)
        })
    }

    /// One observation for each change that became visible.
    async fn observe(
        &self,
        table: &str,
        inputs: &LakeInputs,
        last: Option<&(BTreeMap<String, i64>, NaiveDate)>,
    ) {
        // What was there before this process began is not this process' to measure.
        let Some((versions, _)) = last else { return };
        let now_us = self.clock.now_us();
        for (dataset, version) in versions {
            for at_us in inputs.kafka_times_us(dataset, *version).await {
                let late = u64::try_from(now_us - at_us).unwrap_or(0);
                self.metrics.visible(table, Duration::from_micros(late));
            }
        }
    }

    fn failed(&self, table: &str, error: &Error, done: &mut Done) {
        if error.kind == ErrorKind::Superseded {
            tracing::debug!(table, "refreshed elsewhere");
            self.metrics.refreshed(table, Way::Nothing, "superseded");
            return;
        }
        let outcome = match error.kind {
            ErrorKind::Contract => "check_failed",
            ErrorKind::Unavailable => "unavailable",
            _ => "failed",
        };
        self.metrics.refreshed(table, Way::Nothing, outcome);
        self.activity.failed(table, outcome, error.to_string());
        done.patience.insert(table.to_owned(), self.clock.monotonic() + PATIENCE);
        tracing::error!(table, %error, "the subject table keeps its last good version");
    }

    /// Datasets that a table is built on, through other tables too.
    fn datasets_of(&self, table: &TableSpec) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![table];
        while let Some(table) = waiting.pop() {
            for input in &table.inputs {
                match input.kind {
                    InputKind::Dataset => {
                        found.insert(input.name.clone());
                    }
                    InputKind::Table => {
                        waiting.extend(self.installation.project.table(&input.name));
                    }
                    InputKind::Dimension => {}
                }
            }
        }
        found
    }
}
