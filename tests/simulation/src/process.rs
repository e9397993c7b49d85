//! One process: a session that ingests, and beside it folds, postings and maintenance.

use crate::broker::Broker;
use crate::chance::Chance;
use crate::life::{Life, State};
use crate::source::{Membership, MemorySource};
use crate::store::{Depot, Door};
use crate::subjects::Subjects;
use crate::time::{ProcessClock, VirtualTime};
use huiliu_ingest::{Limits, Metrics, Pipeline, Session, supervise};
use huiliu_lake::maintain::{Bounds, KEEP_LOG_MIN, LEASE, LEASE_LASTS};
use huiliu_lake::{Lake, Standing};
use huiliu_model::port::Incident;
use huiliu_model::{Clock, Contract, Error, ErrorKind};
use huiliu_subject::lake::Seen;
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What all processes of a history share.
#[derive(Clone)]
pub struct World {
    pub time: Arc<VirtualTime>,
    pub depot: Arc<Depot>,
    pub broker: Arc<Broker>,
    pub chance: Chance,
    pub pipelines: Arc<BTreeMap<Arc<str>, Arc<Pipeline>>>,
    /// Subject tables that the processes refresh, in some histories.
    pub subjects: Option<Arc<Subjects>>,
    pub is_eager: bool,
    /// Nothing fails but what the plan says, and upkeep goes round in one order.
    pub is_calm: bool,
    /// What no fault excuses.
    pub complaints: Arc<Mutex<Vec<String>>>,
    pub incidents: Arc<Mutex<Vec<Incident>>>,
}

/// How a process is started.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    pub group: u64,
    /// Reads to the end of every partition and ends.
    pub until_end: bool,
    /// Folds, posts and maintains beside.
    pub keeps_up: bool,
    pub wrong_by: i64,
}

/// A process, until it is dropped.
pub struct Process {
    pub number: u64,
    pub group: u64,
    pub life: Arc<Life>,
    pub clock: Arc<ProcessClock>,
    pub stop: CancellationToken,
    pub joined: Arc<Mutex<Vec<u64>>>,
    tasks: JoinSet<()>,
}

impl World {
    pub fn complain(&self, what: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    pub fn contracts(&self) -> Vec<Arc<Contract>> {
        self.pipelines.values().map(|pipeline| Arc::clone(pipeline.contract())).collect()
    }

    /// The lake as a process sees it.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn lake(
        &self,
        number: u64,
        life: &Arc<Life>,
        clock: Arc<ProcessClock>,
        chance: &Chance,
    ) -> Result<Lake, Error> {
        let door = Door { depot: self.depot.clone(), life: life.clone(), process: number };
        let store: Arc<dyn ObjectStore> = Arc::new(door);
        let ids = chance.fork();
        let ids = Arc::new(move || ids.uuid());
        Lake::replayable(store, &self.contracts(), false, clock, ids).await
    }

    pub fn clock(&self, life: &Arc<Life>, wrong_by_us: i64) -> Arc<ProcessClock> {
        Arc::new(ProcessClock {
            time: Arc::clone(&self.time),
            life: Arc::clone(life),
            wrong_by_us: AtomicI64::new(wrong_by_us),
        })
    }

    pub fn start(&self, number: u64, start: Start) -> Process {
        let life = Arc::new(Life::default());
        let clock = self.clock(&life, start.wrong_by);
        let stop = CancellationToken::new();
        let joined = Arc::new(Mutex::new(Vec::new()));
        let membership = Membership {
            broker: Arc::clone(&self.broker),
            group: start.group,
            life: Arc::clone(&life),
            chance: self.chance.fork(),
            is_eager: self.is_eager,
            until_end: start.until_end,
            stop: stop.clone(),
            joined: Arc::clone(&joined),
        };
        let run = Run {
            world: self.clone(),
            number,
            start,
            life: Arc::clone(&life),
            clock: Arc::clone(&clock),
            chance: self.chance.fork(),
            membership,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn_local(run.go_on());
        Process { number, group: start.group, life, clock, stop, joined, tasks }
    }
}

impl Process {
    /// Waits until the process ended by itself.
    pub async fn ended(&mut self) {
        while let Some(done) = self.tasks.join_next().await {
            if let Err(error) = done
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.life.set(State::Dead);
        self.tasks.abort_all();
        self.ended().await;
    }

    pub fn members(&self) -> Vec<u64> {
        self.joined.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Run {
    world: World,
    number: u64,
    start: Start,
    life: Arc<Life>,
    clock: Arc<ProcessClock>,
    chance: Chance,
    membership: Membership,
}

impl Run {
    /// Begins again, as an orchestrator would let it, until a session ends by itself.
    async fn go_on(self) {
        while !self.membership.stop.is_cancelled() {
            if let Err(error) = self.once().await {
                self.judge("a process", &error);
                self.clock.sleep(Duration::from_millis(200)).await;
            } else {
                return;
            }
        }
    }

    async fn once(&self) -> Result<(), Error> {
        let clock = Arc::clone(&self.clock);
        let lake = self.world.lake(self.number, &self.life, clock, &self.chance).await?;
        let mut beside = JoinSet::new();
        if self.start.keeps_up {
            let upkeep = Upkeep {
                lake: lake.clone(),
                clock: Arc::clone(&self.clock),
                chance: self.chance.fork(),
                world: self.world.clone(),
                seen: Seen::default(),
                turn: 0,
            };
            beside.spawn(upkeep.go_on());
        }
        let metrics = Metrics::register(&prometheus::Registry::new());
        let session = Session {
            landing: Arc::new(lake),
            pipelines: (*self.world.pipelines).clone(),
            metrics: Arc::new(metrics.expect("an empty registry")),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            limits: Limits { preparing: 2, held_bytes: 4_000 },
            give_up: CancellationToken::new(),
        };
        let membership = &self.membership;
        let make = async || Ok(MemorySource::new(membership.clone()));
        let summary = supervise(&session, &membership.stop, make).await?;
        let incidents = &self.world.incidents;
        incidents.lock().unwrap_or_else(PoisonError::into_inner).extend(summary.incidents);
        Ok(())
    }

    fn judge(&self, who: &str, error: &Error) {
        judge(&self.world, who, error);
    }
}

/// An error that the faults of a history do not explain is a complaint.
fn judge(world: &World, who: &str, error: &Error) {
    if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Superseded) {
        return;
    }
    let mut text = format!("{who} ended with {}: {error}", error.kind.label());
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    world.complain(text);
}

struct Upkeep {
    lake: Lake,
    clock: Arc<ProcessClock>,
    chance: Chance,
    world: World,
    seen: Seen,
    turn: u64,
}

impl Upkeep {
    async fn go_on(mut self) {
        loop {
            let wait = match self.world.is_calm {
                true => 250,
                false => self.chance.within(50..900).unsigned_abs(),
            };
            self.clock.sleep(Duration::from_millis(wait)).await;
            if let Err(error) = self.once().await {
                judge(&self.world, "a fold, posting, refresh or round of maintenance", &error);
            }
        }
    }

    /// Which of ten parts of upkeep comes next.
    fn next(&mut self) -> u64 {
        self.turn += 1;
        match self.world.is_calm {
            true => [5, 0, 6, 8][usize::try_from(self.turn % 4).expect("below four")],
            false => self.chance.number() % 10,
        }
    }

    async fn once(&mut self) -> Result<(), Error> {
        match (self.next(), &self.world.subjects) {
            (0..4, Some(subjects)) => subjects.refresh(&self.lake, &self.seen).await?,
            (0..6, _) => {
                for dataset in self.lake.datasets() {
                    dataset.fold().await?;
                }
            }
            (6..8, _) => {
                self.lake.post_ledger().await?;
            }
            _ => self.maintain().await?,
        }
        Ok(())
    }

    /// A round by whoever has the lease.
    async fn maintain(&self) -> Result<(), Error> {
        let mut lease = self.lake.lease(LEASE, LEASE_LASTS);
        let Standing::Here { term, .. } = lease.attend().await? else { return Ok(()) };
        for target in self.lake.maintained().await? {
            match self.lake.maintain(&target, &bounds(), Some(term)).await {
                Err(e) if e.kind == ErrorKind::Superseded => {}
                other => drop(other?),
            }
        }
        lease.release().await
    }
}

/// The bounds of maintenance in a history: as short as they may be, and many checkpoints.
pub fn bounds() -> Bounds {
    let hour = Duration::from_secs(3_600);
    Bounds {
        keep_versions: hour,
        longest_reader: hour,
        keep_log: KEEP_LOG_MIN,
        checkpoint_every: 4,
        ..Bounds::default()
    }
}
