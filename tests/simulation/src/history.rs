//! One seed, one history: records and faults in random order, then quiet, then the checks.

use crate::broker::Broker;
use crate::chance::Chance;
use crate::life::State;
use crate::oracle::{self, Counted};
use crate::plan::{Fault, Lie, Plan};
use crate::process::{Process, Start, World, bounds};
use crate::records::{Writer, dataset_of};
use crate::store::{Depot, Step};
use crate::subjects::Subjects;
use crate::time::VirtualTime;
use huiliu_decode::Limits as DecodeLimits;
use huiliu_ingest::Pipeline;
use huiliu_lake::Lake;
use huiliu_lake::audit::Audited;
use huiliu_lake::maintain::Kind;
use huiliu_model::port::Landing;
use huiliu_model::topics::TopicPattern;
use huiliu_model::{ErrorKind, KafkaTopics, Partition};
use huiliu_normalise::Protection;
use huiliu_subject::lake::Seen;
use huiliu_testkit::account_contract;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
/// The consumer group of processes that know of each other.
const GROUP: u64 = 0;
/// Virtual time after which a quiet history has to be at its end.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// What became of one history.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub seed: u64,
    /// Calls to the store, and the hash over those of each process.
    pub trace: (u64, BTreeMap<u64, u64>),
    pub steps: Vec<(Step, Fault)>,
    /// The first thing that does not add up.
    pub failure: Option<String>,
    pub figures: Figures,
}

/// What happened in a history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub offsets: u64,
    pub commits: u64,
    pub deaths: u64,
    pub rebalances: u64,
    pub incidents: u64,
    pub swept: u64,
    /// Calls before the faults ended.
    pub steps_until_quiet: u64,
}

/// What is asked of a history.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// One process, no faults but this one, at the step of this number.
    pub only: Option<(u64, Fault)>,
    /// No faults at all.
    pub is_quiet: bool,
    /// What the store or the broker does wrong, so that the checks have something to find.
    pub lie: Option<Lie>,
    pub keeps_steps: bool,
}

/// Runs the history of a seed.
pub fn run(seed: u64, wish: Wish) -> Outcome {
    let chance = Chance::new(seed);
    let time = Arc::new(VirtualTime::default());
    let plan = match wish.only {
        Some((number, fault)) => Plan::At { number, fault },
        None if wish.is_quiet => Plan::Nothing,
        None => Plan::Random { chance: chance.fork(), per_mille: chance.number() % 60 },
    };
    let depot = Arc::new(Depot::new(Arc::clone(&time), plan, wish.lie, wish.keeps_steps));
    let world = World {
        time: Arc::clone(&time),
        depot: Arc::clone(&depot),
        broker: Arc::new(Broker::new(wish.lie)),
        pipelines: pipelines(),
        subjects: (wish.only.is_some() || wish.is_quiet || chance.per_mille(200)).then(subjects),
        is_eager: chance.per_mille(500),
        is_calm: wish.is_quiet || wish.only.is_some(),
        chance: chance.clone(),
        complaints: Arc::default(),
        incidents: Arc::default(),
    };
    let passes = Arc::clone(&time);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .on_thread_park(move || passes.pass())
        .build()
        .expect("a runtime without drivers");
    let mut history = History::new(world);
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| {
        tokio::task::LocalSet::new().block_on(&runtime, history.play())
    }));
    let failure = match played {
        Ok(done) => done.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("it panics: {}", text.unwrap_or_default()))
        }
    };
    let figures = history.figures;
    let (trace, steps) = (depot.trace(), depot.steps());
    Outcome { seed, trace, steps, failure, figures }
}

/// Every chain of receipts holds, and every receipt says what the tables have.
async fn audit(lake: &Lake) -> Result<(), String> {
    let failed = |e: huiliu_model::Error| format!("audit: {}: {e}", e.kind.label());
    for target in lake.maintained().await.map_err(failed)? {
        let audited = lake.audit(&target, None).await.map_err(failed)?;
        let Audited { chain, recounted, receipts, .. } = audited;
        if let Some(fault) = chain.fault {
            return Err(format!("audit: {} at {}: {}", chain.table, fault.version, fault.what));
        }
        if target.kind == Kind::Changes && recounted != receipts.len() as u64 {
            let all = receipts.len();
            return Err(format!("audit: of {}, {recounted} of {all} were counted", chain.table));
        }
    }
    Ok(())
}

/// Two datasets of one shape, made once: they do not change.
fn pipelines() -> Arc<BTreeMap<Arc<str>, Arc<Pipeline>>> {
    static PIPELINES: OnceLock<Arc<BTreeMap<Arc<str>, Arc<Pipeline>>>> = OnceLock::new();
    let make = || {
        let protection = Arc::new(Protection::Plain);
        let of = |dataset: &str| {
            let mut contract = account_contract();
            contract.dataset = dataset.into();
            let pattern = format!("^feed\\.{dataset}(\\.b)?$");
            let pattern = TopicPattern::parse(&pattern).expect("it is a pattern");
            contract.kafka_topics = KafkaTopics::Matching(pattern);
            contract.land.commit_every = Duration::from_millis(300);
            contract.land.commit_rows = 5;
            let limits = DecodeLimits::default();
            let pipeline = Pipeline::new(Arc::new(contract), limits, Arc::clone(&protection));
            (dataset.into(), Arc::new(pipeline.expect("a plain contract needs no keys")))
        };
        Arc::new(["account", "meter"].into_iter().map(of).collect())
    };
    Arc::clone(PIPELINES.get_or_init(make))
}

/// Their tables, made once: statements are parsed once.
fn subjects() -> Arc<Subjects> {
    static SUBJECTS: OnceLock<Arc<Subjects>> = OnceLock::new();
    let contracts = || pipelines().values().map(|p| Arc::clone(p.contract())).collect();
    Arc::clone(SUBJECTS.get_or_init(|| Arc::new(Subjects::new(contracts()))))
}

struct History {
    world: World,
    chance: Chance,
    writer: Writer,
    processes: Vec<Process>,
    partitions: Vec<Partition>,
    started: u64,
    figures: Figures,
}

impl History {
    fn new(world: World) -> Self {
        Self {
            chance: world.chance.fork(),
            writer: Writer::new(world.chance.fork()),
            world,
            processes: Vec::new(),
            partitions: Vec::new(),
            started: 0,
            figures: Figures::default(),
        }
    }

    async fn play(&mut self) -> Result<(), String> {
        for dataset in ["account", "meter"] {
            self.add_partition(dataset);
        }
        if self.world.is_calm {
            self.calm().await;
        } else {
            self.eventful().await;
        }
        self.quiet().await?;
        self.finish().await
    }

    async fn eventful(&mut self) {
        if self.chance.per_mille(700) {
            self.add_partition("account");
        }
        self.start(GROUP);
        for _ in 0..self.chance.within(8..30) {
            self.write();
            self.happen().await;
            self.pause(10..400).await;
        }
    }

    /// Records, one process and what the plan says; and days, so that all of upkeep has to do.
    async fn calm(&mut self) {
        self.start(GROUP);
        for round in 0..11 {
            self.write();
            self.revive().await;
            self.pause(500..700).await;
            if round >= 6 {
                self.world.time.leap(25 * HOUR);
            }
        }
    }

    async fn pause(&self, millis: std::ops::Range<i64>) {
        let wait = Duration::from_millis(self.chance.within(millis).unsigned_abs());
        self.world.time.sleep(wait).await;
    }

    fn add_partition(&mut self, dataset: &str) {
        // The topics of a dataset have partitions of the same numbers, and so the same offsets.
        let count =
            self.partitions.iter().filter(|p| dataset_of(&p.kafka_topic) == dataset).count();
        let second = if count % 2 == 0 { "" } else { ".b" };
        let number = i32::try_from(count / 2).expect("few partitions");
        let partition = Partition::new(format!("feed.{dataset}{second}"), number);
        self.partitions.push(partition.clone());
        self.world.broker.add_partition(partition);
    }

    fn write(&mut self) {
        for _ in 0..self.chance.within(0..6) {
            let Some(partition) = self.chance.of(&self.partitions).cloned() else { return };
            let entry = self.writer.entry(dataset_of(&partition.kafka_topic));
            self.world.broker.append(&partition, entry);
        }
    }

    fn start(&mut self, group: u64) {
        self.started += 1;
        let wrong_by = match self.world.is_calm {
            true => 0,
            false => self.chance.within(-1_800..1_800) * 1_000_000,
        };
        let start = Start { group, until_end: false, keeps_up: true, wrong_by };
        self.processes.push(self.world.start(self.started, start));
    }

    /// Clears the dead away and starts others in their place.
    async fn revive(&mut self) {
        let is_dead = |process: &Process| process.life.state() == State::Dead;
        let (dead, alive): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.processes).into_iter().partition(is_dead);
        self.processes = alive;
        for mut process in dead {
            process.kill().await;
            self.figures.deaths += 1;
            self.expel(&process);
            self.start(process.group);
        }
    }

    fn expel(&self, process: &Process) {
        for member in process.members() {
            self.world.broker.remove(process.group, member, self.world.is_eager);
        }
    }

    async fn happen(&mut self) {
        self.revive().await;
        let at = self.chance.number();
        let count = u64::try_from(self.processes.len()).expect("few processes");
        let at = at.checked_rem(count).map_or(0, |at| usize::try_from(at).expect("an index"));
        let event = self.chance.within(0..100);
        match (event, self.processes.get(at)) {
            (0..8, Some(process)) => process.life.set(State::Dead),
            (8..14, Some(process)) => process.life.set(State::Frozen),
            // The group notices that a member is silent.
            (14..22, _) => {
                let frozen = |p: &&Process| p.life.state() == State::Frozen;
                self.processes.iter().filter(frozen).for_each(|p| self.expel(p));
            }
            (22..32, _) => self.processes.iter().for_each(|p| p.life.set(State::Running)),
            (32..44, _) => {
                self.figures.rebalances += 1;
                self.world.broker.rebalance(GROUP, self.chance.per_mille(500));
            }
            (44..52, _) if self.processes.len() < 3 => {
                // A process of another group owns every partition, or so it thinks.
                let group = if self.chance.per_mille(200) { 1 } else { GROUP };
                self.start(group);
            }
            (52..56, Some(process)) => process.stop.cancel(),
            (56..60, _) if self.partitions.len() < 5 => self.add_partition("account"),
            (60..64, Some(process)) => {
                let jump = self.chance.within(-1_800..1_800) * 1_000_000;
                process.clock.wrong_by_us.store(jump, Ordering::SeqCst);
            }
            (64..67, _) => {
                self.world.time.leap(self.chance.within(1..40).unsigned_abs() as u32 * HOUR)
            }
            (67..69, _) => self.expire(),
            (69, _) => self.make_anew(),
            _ => {}
        }
    }

    fn expire(&mut self) {
        let Some(partition) = self.chance.of(&self.partitions) else { return };
        let available = self.world.broker.available(partition);
        if !available.is_empty() {
            let before = self.chance.within(available.start..available.end + 1);
            self.world.broker.expire(partition, before);
        }
    }

    fn make_anew(&mut self) {
        if let Some(partition) = self.chance.of(&self.partitions) {
            self.world.broker.make_anew(partition);
        }
    }

    /// The faults end. Processes go on for a while, or all of them are killed.
    async fn quiet(&mut self) -> Result<(), String> {
        self.figures.steps_until_quiet = self.world.depot.trace().0;
        self.world.depot.heal();
        if self.chance.per_mille(500) {
            self.processes.iter().for_each(|p| p.life.set(State::Running));
            self.pause(100..10_000).await;
            self.processes.iter().for_each(|p| p.stop.cancel());
            for process in &mut self.processes {
                let late = self.world.time.sleep(PATIENCE);
                if process.life.state() == State::Running {
                    tokio::select! {
                        biased;
                        () = process.ended() => {}
                        () = late => return Err("a process that was stopped does not end".into()),
                    }
                }
            }
        }
        for mut process in std::mem::take(&mut self.processes) {
            process.kill().await;
            self.expel(&process);
        }
        Ok(())
    }

    /// Reads to the end, folds, posts; what stands still is set by hand and read on.
    async fn finish(&mut self) -> Result<(), String> {
        let lake = self.last_lake().await?;
        self.read_to_end().await?;
        let incidents = std::mem::take(
            &mut *self.world.incidents.lock().unwrap_or_else(PoisonError::into_inner),
        );
        let standing: BTreeMap<_, _> =
            incidents.iter().map(|incident| (incident.partition.clone(), incident)).collect();
        self.figures.incidents += standing.len() as u64;
        let failed = |e: huiliu_model::Error| format!("{}: {e}", e.kind.label());
        for (partition, _) in standing {
            let name = dataset_of(&partition.kafka_topic);
            let available = self.world.broker.available(&partition);
            // Another process may have had the records in its hands, and landed them since.
            let progress = lake.progress(name, std::slice::from_ref(&partition)).await;
            let next = progress.map_err(failed)?.get(&partition);
            if !next.is_some_and(|next| (available.start..=available.end).contains(&next)) {
                let dataset = lake.dataset(name).map_err(failed)?;
                let (to, why) = (available.start, "simulation");
                dataset.reset_offset(&partition, to, why, false).await.map_err(failed)?;
            }
        }
        self.read_to_end().await?;
        for dataset in lake.datasets() {
            dataset.fold_all().await.map_err(failed)?;
        }
        lake.post_ledger().await.map_err(failed)?;
        if let Some(subjects) = &self.world.subjects {
            subjects.refresh(&lake, &Seen::default()).await.map_err(failed)?;
        }
        let complaints = self.world.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = complaints.first() {
            return Err(first.clone());
        }
        drop(complaints);
        let counted = self.check().await?;
        self.figures.offsets += counted.offsets;
        self.figures.commits += counted.commits;
        self.maintain(&lake).await?;
        self.check().await?;
        oracle::check_no_orphans(&self.world.depot).await?;
        audit(&lake).await
    }

    async fn check(&self) -> Result<Counted, String> {
        let World { depot, broker, subjects, .. } = &self.world;
        oracle::check(depot, &broker.logs(), subjects.is_some()).await
    }

    async fn last_lake(&mut self) -> Result<Lake, String> {
        self.started += 1;
        let life = Arc::new(crate::life::Life::default());
        let clock = self.world.clock(&life, 0);
        let opened = self.world.lake(self.started, &life, clock, &self.chance).await;
        opened.map_err(|e| format!("the lake does not open: {e}"))
    }

    async fn read_to_end(&mut self) -> Result<(), String> {
        self.started += 1;
        // A group of its own: nobody else is left.
        let group = 100 + self.started;
        let start = Start { group, until_end: true, keeps_up: false, wrong_by: 0 };
        let mut last = self.world.start(self.started, start);
        let late = self.world.time.sleep(PATIENCE);
        tokio::select! {
            biased;
            () = last.ended() => Ok(()),
            () = late => Err("the last process does not come to the end".to_owned()),
        }
    }

    /// Rounds with days in between: what can go goes.
    async fn maintain(&mut self, lake: &Lake) -> Result<(), String> {
        let failed = |e: huiliu_model::Error| format!("maintenance: {}: {e}", e.kind.label());
        for _ in 0..3 {
            self.world.time.leap(48 * HOUR);
            for target in lake.maintained().await.map_err(failed)? {
                match lake.maintain(&target, &bounds(), Some(1)).await {
                    Err(e) if e.kind == ErrorKind::Superseded => return Err(failed(e)),
                    other => self.figures.swept += other.map_err(failed)?.swept.files as u64,
                }
            }
        }
        lake.post_ledger().await.map_err(failed).map(drop)
    }
}
