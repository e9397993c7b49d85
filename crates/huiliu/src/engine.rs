//! The engine: ingestion, fold and refresh over one lake, as `run` and `demo` both use them.
//!
//! One consumer reads all declared datasets; a fold goes on beside it; stopping is
//! one-directional. The stop token stops reading, what was read lands, then the fold is told to
//! end. A lake that does not answer while stopping is waited for no longer than the grace.

use crate::activity::Activity;
use crate::admin::{Admin, Health};
use crate::board::Board;
use crate::duty::Keeper;
use crate::failure::Failure;
use crate::fold::{self, CHECKPOINT_EVERY, Fold};
use crate::heartbeats;
use crate::installation::{Installation, shape};
use crate::maintenance::Maintain;
use crate::member::Door;
use crate::metrics::{self, Rooms};
use crate::otlp::Tracer;
use crate::schemas;
use crate::service::Manager;
use crate::subjects::Refresher;
use crate::subjects::follow::{self, Follow};
use crate::waiting::Waiting;
use chrono::NaiveDate;
use huiliu_decode::Limits as Bounds;
use huiliu_ingest::{Limits, Pipeline, Session, Summary, supervise};
use huiliu_kafka::{KafkaSource, Pacer, Route, Until};
use huiliu_lake::fold::Policy;
use huiliu_lake::{Lake, Shape};
use huiliu_model::port::Incident;
use huiliu_model::{Clock, Error, ErrorKind, Stop};
use prometheus::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a stopping process waits for a lake that does not answer: below the 30 s after which
/// orchestrators kill.
const GRACE: Duration = Duration::from_secs(25);

/// Everything that a running process holds.
pub struct Engine {
    pub installation: Installation,
    pub lake: Lake,
    pub board: Arc<Board>,
    pub registry: Registry,
    pub rooms: Rooms,
    pub health: Health,
    pub clock: Arc<dyn Clock>,
    pub activity: Activity,
    /// Who is told that reading begins; nobody unless set.
    pub manager: Manager,
    schemas: schemas::Named,
    pipelines: Pipelines,
    kafka: huiliu_kafka::Settings,
    policy: Policy,
    tracer: Option<Tracer>,
}

/// Everything that a process needs but the lake: what is wrong in its settings has been said, and
/// its admin port can answer.
pub struct Prepared {
    pub registry: Registry,
    pub rooms: Rooms,
    pub health: Health,
    pub clock: Arc<dyn Clock>,
    installation: Installation,
    schemas: schemas::Named,
    pipelines: Pipelines,
    kafka: huiliu_kafka::Settings,
    shape: Shape,
}

impl Prepared {
    /// Prepares every dataset's pipeline.
    ///
    /// # Errors
    /// What is wrong in the settings.
    pub fn of(installation: Installation, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let protection = Arc::new(installation.protection()?);
        let kafka = installation.kafka()?;
        let registry = metrics::registry()?;
        let schemas = schemas::named(&installation, &registry)?;
        let pipelines = pipelines(&installation, &protection, &schemas)?;
        let rooms = Rooms::register(&registry, &clock).map_err(metrics::duplicate)?;
        let (health, shape) = (Health::default(), shape(&protection));
        Ok(Self { registry, rooms, health, installation, clock, schemas, pipelines, kafka, shape })
    }

    /// What the admin port serves.
    pub fn admin(&self) -> Admin {
        admin(&self.registry, &self.health, &self.rooms)
    }

    /// Opens the lake.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn lake(&self) -> Result<Lake, Failure> {
        let clock = Arc::clone(&self.clock);
        self.installation.counted_lake(self.shape.clone(), clock, &self.rooms.store).await
    }

    /// Opens the lake, and waits for a store that does not answer.
    ///
    /// # Errors
    /// What waiting does not mend.
    pub async fn lake_awaited(&self, manager: &Manager) -> Result<Lake, Failure> {
        let mut waiting = Waiting::for_lake(&self.health, manager, &self.clock);
        loop {
            match self.lake().await {
                Ok(lake) => {
                    waiting.over();
                    return Ok(lake);
                }
                Err(Failure::Error(error)) => waiting.outlast(error).await?,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// The engine over this lake.
    pub fn over(self, lake: Lake, pacer: Option<Pacer>, policy: Policy) -> Engine {
        declare(&self.rooms, &self.installation, &lake);
        Engine {
            rooms: self.rooms,
            schemas: self.schemas,
            board: Arc::new(Board::new(lake.clone(), pacer)),
            lake,
            registry: self.registry,
            health: self.health,
            manager: Manager::default(),
            activity: Activity::new(Arc::clone(&self.clock)),
            clock: self.clock,
            pipelines: self.pipelines,
            kafka: self.kafka,
            policy,
            tracer: None,
            installation: self.installation,
        }
    }
}

fn admin(registry: &Registry, health: &Health, rooms: &Rooms) -> Admin {
    Admin {
        registry: registry.clone(),
        health: health.clone(),
        process: Arc::clone(&rooms.process),
        obstacles: Arc::clone(&rooms.obstacles),
    }
}

/// Whether subject tables follow while a process ingests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    No,
    /// They count from this date; from today without one.
    AsOf(Option<NaiveDate>),
}

impl Engine {
    /// Opens the lake and prepares every dataset's pipeline.
    ///
    /// # Errors
    /// What is wrong in the settings, or as the store answers.
    pub async fn open(
        installation: Installation,
        pacer: Option<Pacer>,
        policy: Policy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let prepared = Prepared::of(installation, clock)?;
        let lake = prepared.lake().await?;
        Ok(prepared.over(lake, pacer, policy))
    }

    /// What the admin port serves.
    pub fn admin(&self) -> Admin {
        admin(&self.registry, &self.health, &self.rooms)
    }

    /// Goes on with what files say that were found safe to take over. No session may be open.
    ///
    /// # Errors
    /// As [`Engine::open`]; the engine is as before then.
    pub async fn take_over(&mut self, installation: Installation) -> Result<(), Failure> {
        let protection = Arc::new(installation.protection()?);
        let pipelines = pipelines(&installation, &protection, &self.schemas)?;
        let clock = Arc::clone(&self.clock);
        let lake = installation.counted_lake(shape(&protection), clock, &self.rooms.store).await?;
        declare(&self.rooms, &installation, &lake);
        self.board.adopt(lake.clone());
        (self.pipelines, self.lake, self.installation) = (pipelines, lake, installation);
        Ok(())
    }

    /// Makes a span of every batch, with links to the spans that its records name.
    pub fn trace(&mut self, tracer: Tracer) {
        self.kafka.traces = Some(Arc::clone(&tracer.traces));
        self.tracer = Some(tracer.clone());
        self.board.trace(tracer);
    }

    /// Reads Kafka until the source ends, folding and refreshing meanwhile.
    ///
    /// # Errors
    /// What ended ingestion or the fold; what had landed stays landed.
    pub async fn ingest(
        &self,
        until: Until,
        following: Following,
        stop: &CancellationToken,
    ) -> Result<Summary, Error> {
        let mut tasks = JoinSet::new();
        let over = CancellationToken::new();
        let give_up = CancellationToken::new();
        tasks.spawn(grace(stop.clone(), give_up.clone(), over.clone()));
        if let Following::AsOf(as_of) = following {
            let (clock, leases) = (Arc::clone(&self.clock), self.rooms.leases.clone());
            let (keeper, duty) = Keeper::new(&self.lake, follow::LEASE, clock, leases);
            tasks.spawn(keeper.go_on(over.clone()));
            let follow = Follow {
                duty,
                installation: Arc::new(self.installation.clone()),
                lake: self.lake.clone(),
                clock: Arc::clone(&self.clock),
                metrics: self.rooms.follow.clone(),
                activity: self.activity.clone(),
                as_of,
                over: over.clone(),
                usage: Arc::clone(&self.rooms.pools.refreshes),
                tracer: self.tracer.clone(),
            };
            tasks.spawn(follow.go_on());
        }
        tasks.spawn(self.maintain(over.clone()).go_on());
        if heartbeats::are_wanted(&self.installation.project.contracts) {
            let metrics = self.rooms.heartbeats.clone();
            let (kafka, over) = (self.kafka.clone(), over.clone());
            tasks.spawn_blocking(move || heartbeats::listen(&kafka, &metrics, &over));
        }
        let fold = Fold {
            lake: self.lake.clone(),
            clock: Arc::clone(&self.clock),
            activity: self.activity.clone(),
            policy: self.policy,
            metrics: self.rooms.fold.clone(),
            tracer: self.tracer.clone(),
            over: over.clone(),
        };
        let mut folding = JoinSet::new();
        let stop_all = stop.clone();
        folding.spawn(async move {
            let result = fold.go_on().await;
            if result.is_err() {
                stop_all.cancel();
            }
            result
        });
        let result = self.session(until, stop, give_up).await;
        over.cancel();
        while tasks.join_next().await.is_some() {}
        let folded = folding.join_next().await;
        let summary = result?;
        match folded {
            Some(Ok(Err(error))) => Err(error),
            Some(Err(panic)) => Err(Error::new(ErrorKind::Bug, "the fold stopped").because(panic)),
            _ => Ok(summary),
        }
    }

    fn maintain(&self, over: CancellationToken) -> Maintain {
        Maintain {
            lake: self.lake.clone(),
            clock: Arc::clone(&self.clock),
            said: self.installation.settings.maintenance,
            metrics: self.rooms.maintenance.clone(),
            activity: self.activity.clone(),
            over,
        }
    }

    async fn session(
        &self,
        until: Until,
        stop: &CancellationToken,
        give_up: CancellationToken,
    ) -> Result<Summary, Error> {
        let routes: Vec<Route> = self
            .pipelines
            .values()
            .map(|pipeline| pipeline.contract())
            .map(|c| Route { dataset: c.dataset.clone(), kafka_topics: c.kafka_topics.clone() })
            .collect();
        let session = Session {
            landing: Arc::clone(&self.board),
            pipelines: self.pipelines.clone(),
            metrics: Arc::clone(&self.rooms.ingest),
            clock: Arc::clone(&self.clock),
            limits: Limits {
                preparing: std::thread::available_parallelism().map_or(2, usize::from),
                held_bytes: self.installation.memory().held_bytes(),
            },
            give_up,
        };
        let mut door = Door::default();
        let connect = async || {
            door.close().await;
            let source = self.connect(&routes, until, stop).await?;
            self.health.started();
            self.manager.ready("reading Kafka");
            Ok(door.lend(source))
        };
        let result = supervise(&session, stop, connect).await;
        door.close().await;
        result
    }

    /// Joins the group. A cluster that does not answer is waited for by a process that runs on;
    /// one that is to end fails.
    async fn connect(
        &self,
        routes: &[Route],
        until: Until,
        stop: &CancellationToken,
    ) -> Result<KafkaSource, Error> {
        let mut waiting = Waiting::for_kafka(&self.health, &self.manager, &self.clock);
        loop {
            let (routes, clock) = (routes.to_vec(), Arc::clone(&self.clock));
            match KafkaSource::start(&self.kafka, routes, until, stop.clone(), clock).await {
                Ok(source) => {
                    waiting.over();
                    return Ok(source);
                }
                Err(error) if until == Until::Stopped => waiting.outlast(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Brings `current` of every dataset up to `changes`.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn fold_all(&self) -> Result<u64, Error> {
        let mut changes = 0;
        for dataset in self.lake.datasets() {
            let folded = dataset.fold_all().await?;
            changes += folded.changes;
            fold::tell(&dataset.contract.dataset, &folded);
        }
        self.lake.post_ledger().await?;
        self.lake.checkpoint(CHECKPOINT_EVERY).await;
        Ok(changes)
    }

    /// Brings every table of the subjects that are on up to its inputs; tells of each with its
    /// rows.
    ///
    /// # Errors
    /// The first table that cannot be refreshed.
    pub async fn refresh_all(
        &self,
        as_of: NaiveDate,
        mut told: impl FnMut(&huiliu_spec::TableSpec, u64),
    ) -> Result<(), Failure> {
        let tables: Vec<_> = self.installation.project.built_tables().collect();
        let refresher = Refresher::new(&self.installation, &self.lake, as_of);
        refresher.refresh(&tables, |table, done| told(table, done.row_count)).await
    }
}

/// Shows what runs from now on.
fn declare(rooms: &Rooms, installation: &Installation, lake: &Lake) {
    let contracts = lake.datasets().map(|d| (&*d.contract, d.contract_sm3()));
    let tables = installation.project.built_tables();
    rooms.declared.declare(contracts, tables, installation.memory().limit_bytes());
    rooms.pools.divide(installation.memory());
    lake.count_folds(Arc::clone(&rooms.pools.folds));
}

type Pipelines = BTreeMap<Arc<str>, Arc<Pipeline>>;

/// The pipeline of every dataset.
fn pipelines(
    installation: &Installation,
    protection: &Arc<huiliu_normalise::Protection>,
    schemas: &schemas::Named,
) -> Result<Pipelines, Failure> {
    let limits = installation.settings.limits;
    let bounds = Bounds { record_bytes: limits.record_bytes_max, nesting: limits.nesting_max };
    let mut pipelines = Pipelines::new();
    for contract in &installation.project.contracts {
        let pipeline = Pipeline::new(contract.clone(), bounds, Arc::clone(protection))?;
        let pipeline = schemas::attach(pipeline, schemas);
        pipelines.insert(Arc::clone(&contract.dataset), Arc::new(pipeline));
    }
    Ok(pipelines)
}

/// The error of partitions that stand still.
pub fn standing_still(incidents: &[Incident]) -> Result<(), Error> {
    let Some(first) = incidents.first() else { return Ok(()) };
    let lines: Vec<String> = incidents
        .iter()
        .map(|incident| {
            let (partition, kind) = (&incident.partition, incident.kind.label());
            let (recorded, has) = (incident.recorded, &incident.available);
            format!(
                "{partition} ({kind}): the table records {recorded}, Kafka has {}..{}",
                has.start, has.end
            )
        })
        .collect();
    let message = format!("{} of the partitions stand still: {}", lines.len(), lines.join("; "));
    let to = first.available.start;
    let help = format!(
        "nothing was skipped. If the records are gone for good: huiliu offsets reset {} --to {to} \
         --why '…' --yes",
        first.partition
    );
    Err(Error::new(ErrorKind::Contract, message).help(help))
}

/// The error of datasets that stand still.
pub fn stopped(stops: &BTreeMap<Arc<str>, Stop>) -> Result<(), Error> {
    let Some(first) = stops.values().next() else { return Ok(()) };
    let lines: Vec<String> = stops.values().map(Stop::to_string).collect();
    Err(Error::new(ErrorKind::Contract, lines.join("; ")).help(format!(
        "its rejects are in quarantine.{}, nothing was skipped, and all other datasets went on. To \
         go on: {}",
        first.dataset,
        first.remedy()
    )))
}

/// Lets go of a lake that does not answer some time after the stop.
pub async fn grace(stop: CancellationToken, give_up: CancellationToken, over: CancellationToken) {
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = over.cancelled() => {}
        () = late => give_up.cancel(),
    }
}
