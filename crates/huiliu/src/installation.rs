//! An installation: settings, what they declare, and the rooms opened with them.
//!
//! Owns the order in which a setting is decided: flag or environment variable (the argument
//! parser merges these), `huiliu.yaml`, default. Without a settings file and without
//! `./pipelines`, `HUILIU_HOME` says where `pipelines/` and `sql/` are.

use crate::cli::{self, Global};
use crate::console::Console;
use crate::failure::Failure;
use crate::memory::{self, Memory};
use datafusion::prelude::SessionContext;
use huiliu_lake::{Lake, Place, Shape};
use huiliu_model::clock::SystemClock;
use huiliu_model::{Clock, Contract, Error, ErrorKind, code};
use huiliu_normalise::Keys;
use huiliu_spec::settings::Protection;
use huiliu_spec::{Project, Settings};
use huiliu_subject::Catalogue;
use secrecy::ExposeSecret;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Threads that may wait for files, names and preparing: the store is asked 64 questions at once.
const BLOCKING_THREADS_MAX: usize = 64;
/// Temporary files take no more where nothing is said, however large the disk.
const TEMPORARY_BYTES_MAX: u64 = 100 << 30;

/// Settings file that is used when none is named.
const FILE: &str = "huiliu.yaml";

/// Settings and everything declared under them.
#[derive(Debug, Clone)]
pub struct Installation {
    pub settings: Settings,
    pub project: Project,
    pub catalogue: Catalogue,
}

impl Installation {
    /// Reads settings, pipelines and subject tables.
    ///
    /// # Errors
    /// Everything that is wrong in them.
    pub fn load(global: &Global) -> Result<Self, Failure> {
        Self::with(settings(global)?)
    }

    /// Reads what settings name.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn with(settings: Settings) -> Result<Self, Failure> {
        if !settings.pipelines.is_dir() {
            return Err(no_pipelines(&settings.pipelines));
        }
        let project = Project::load(&settings).map_err(Failure::Findings)?;
        let catalogue = Catalogue::read(&settings.sql)?.with_functions(huiliu_functions::all());
        Ok(Self { settings, project, catalogue })
    }

    /// How this installation writes graded values; it has to say so.
    ///
    /// # Errors
    /// That it does not, or a key that cannot be read.
    pub fn protection(&self) -> Result<huiliu_normalise::Protection, Failure> {
        match self.settings.require_protection().map_err(one)? {
            Protection::Plain => Ok(huiliu_normalise::Protection::Plain),
            Protection::Keys => Ok(huiliu_normalise::Protection::Keys(self.keys()?)),
        }
    }

    /// The keys of the lake, ready to use.
    ///
    /// # Errors
    /// That there are none, or the one that cannot be read.
    pub fn crypto(&self) -> Result<huiliu_normalise::Crypto, Failure> {
        Ok(huiliu_normalise::Crypto::new(&self.keys()?))
    }

    fn keys(&self) -> Result<Keys, Failure> {
        let Some(keys) = &self.settings.keys else {
            return Err(Failure::invalid("`protection: keys` is said, but there are no `keys`")
                .help("add `keys: {id: …, token: {secret: …}, encrypt: {secret: …}}`"));
        };
        let keys = keys.resolve().map_err(one)?;
        Ok(Keys {
            id: keys.id.clone(),
            token: *keys.token.expose_secret(),
            encrypt: *keys.encrypt.expose_secret(),
            older: keys.older.iter().map(|(id, key)| (id.clone(), *key.expose_secret())).collect(),
        })
    }

    /// Opens the lake to write it.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn lake(&self, shape: Shape, clock: Arc<dyn Clock>) -> Result<Lake, Failure> {
        let options = self.settings.store_options().map_err(one)?;
        let contracts = &self.project.contracts;
        let opened = Lake::open(&self.settings.lake, &options, contracts, shape, clock).await;
        self.limited(opened)
    }

    /// As [`Installation::lake`], with every request to the store counted.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn counted_lake(
        &self,
        shape: Shape,
        clock: Arc<dyn Clock>,
        metrics: &huiliu_lake::Metrics,
    ) -> Result<Lake, Failure> {
        let options = self.settings.store_options().map_err(one)?;
        let place = Place { location: &self.settings.lake, options: &options };
        let contracts = &self.project.contracts;
        self.limited(Lake::counted(place, contracts, shape, clock, metrics.clone()).await)
    }

    /// Every lake that is written keeps to the memory and the temporary files of the process, and
    /// knows by what the tables of the project look rows up.
    fn limited(&self, opened: Result<Lake, Error>) -> Result<Lake, Failure> {
        let lake = opened?;
        lake.limit_memory(self.memory().limit_bytes());
        lake.room().limit_to(self.temporary_bytes());
        lake.look_up_by(self.project.lookups());
        Ok(lake)
    }

    /// Opens the tables of one dataset to write them.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn lake_of(
        &self,
        contract: &Arc<Contract>,
        shape: Shape,
        clock: Arc<dyn Clock>,
    ) -> Result<Lake, Failure> {
        let options = self.settings.store_options().map_err(one)?;
        let contracts = [Arc::clone(contract)];
        let opened = Lake::open(&self.settings.lake, &options, &contracts, shape, clock).await;
        self.limited(opened)
    }

    /// Opens a lake that exists, under the protection it was made with when none is said. Who
    /// can read the keys is refused a lake of another token key.
    ///
    /// # Errors
    /// `Invalid` when there is no such lake; otherwise as the store answers.
    pub async fn existing_lake(&self) -> Result<Lake, Failure> {
        let location = &self.settings.lake;
        if !location.contains("://") && !Path::new(location).join("changes").is_dir() {
            let error = Error::new(ErrorKind::Invalid, format!("there is no lake at `{location}`"));
            return Err(Failure::from(error.coded(code::NO_LAKE))
                .help("name one with --lake, or make it with `huiliu run` or `huiliu demo`"));
        }
        if let Some(said) = self.settings.protection {
            let protected = said == Protection::Keys;
            let keys = self.keys().ok().filter(|_| protected);
            let shape = Shape { protected, token_key: keys.map(|keys| keys.token_key()) };
            return self.lake(shape, clock()).await;
        }
        match self.lake(false.into(), clock()).await {
            Err(Failure::Error(error)) if error.kind == ErrorKind::Invalid => {
                // The tables say how they were made: the other shape, or neither.
                self.lake(true.into(), clock()).await.map_err(|_| error.into())
            }
            opened => opened,
        }
    }

    /// A session over everything in the lake, with the functions of the rules.
    ///
    /// # Errors
    /// As the store answers.
    pub async fn query_session(
        &self,
        lake: &Lake,
        memory_bytes: usize,
    ) -> Result<SessionContext, Failure> {
        let ctx = lake.query_session(&self.subject_tables(), memory_bytes).await?;
        for function in self.catalogue.functions() {
            ctx.register_udf(function.clone());
        }
        Ok(ctx)
    }

    /// How Kafka is reached.
    ///
    /// # Errors
    /// That no broker is named, or a secret that cannot be read.
    pub fn kafka(&self) -> Result<huiliu_kafka::Settings, Failure> {
        let Some(servers) = self.settings.kafka.bootstrap_servers.clone() else {
            return Err(Failure::invalid("no Kafka broker is named")
                .help("give --bootstrap-servers host:port, or `kafka.bootstrap_servers`"));
        };
        let mut kafka = huiliu_kafka::Settings::new(servers, self.settings.kafka.group.clone());
        kafka.properties = self.settings.kafka_properties().map_err(one)?;
        kafka.budget_bytes = self.memory().records_bytes();
        Ok(kafka)
    }

    /// The memory of the process.
    pub fn memory(&self) -> Memory {
        Memory::of(self.settings.memory_limit_bytes.unwrap_or_else(memory::untold_bytes))
    }

    /// What temporary files may take.
    pub fn temporary_bytes(&self) -> u64 {
        self.settings.temporary_limit_bytes.unwrap_or_else(|| {
            // A folder that does not say how much is free says so when it is written.
            let free = disk_free_bytes(&std::env::temp_dir()).unwrap_or(u64::MAX);
            (free / 2).min(TEMPORARY_BYTES_MAX)
        })
    }

    /// Every table of the subjects that are on, as `(subject, table)`.
    pub fn subject_tables(&self) -> Vec<(String, String)> {
        self.project.built_tables().map(|t| (t.subject.clone(), t.table.clone())).collect()
    }
}

/// That a subject is off, why, and how it is turned on.
pub fn off(subject: &str, why: &str) -> (String, String) {
    let how = format!("to turn it on: `subjects: {{{subject}: {{enabled: true}}}}` in huiliu.yaml");
    (format!("subject `{subject}` is off: {why}"), how)
}

/// Says which subjects are not built.
pub fn say_off(project: &Project, console: &Console) {
    for (subject, why) in &project.off {
        console.say(off(subject, why).0);
    }
}

/// The shape of a lake under a protection.
pub fn shape(protection: &huiliu_normalise::Protection) -> Shape {
    Shape { protected: protection.protects(), token_key: protection.token_key() }
}

/// The machine's clock.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::default())
}

/// Bytes that this user may still write in a folder.
///
/// # Errors
/// As the system answers.
pub fn disk_free_bytes(folder: &Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The runtime of a verb: as many threads as cores, and [`BLOCKING_THREADS_MAX`] for files, name
/// look-ups and preparing records.
///
/// # Errors
/// `Unavailable` when the system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let made = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from))
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build();
    made.map_err(|source| {
        Error::new(ErrorKind::Unavailable, "the system gives no threads").because(source).into()
    })
}

/// Settings from their file, with what the command line says put over them.
///
/// # Errors
/// Everything that is wrong in the file.
pub fn settings(global: &Global) -> Result<Settings, Failure> {
    let named = global.config.clone();
    let file = named.or_else(|| Some(PathBuf::from(FILE)).filter(|path| path.is_file()));
    let mut settings = match &file {
        Some(path) => Settings::load(path).map_err(Failure::Findings)?,
        None => Settings::default(),
    };
    let home = std::env::var_os("HUILIU_HOME").map(PathBuf::from);
    if let (None, Some(home)) = (&file, home)
        && !settings.pipelines.is_dir()
    {
        settings.pipelines = home.join("pipelines");
        settings.sql = home.join("sql");
    }
    if let Some(lake) = &global.lake {
        settings.lake.clone_from(lake);
    }
    if let Some(servers) = &global.bootstrap_servers {
        settings.kafka.bootstrap_servers = Some(servers.clone());
    }
    if let Some(limit) = global.memory_limit {
        settings.memory_limit_bytes = Some(limit);
    }
    // Said or not, it is one number from here on.
    settings.memory_limit_bytes.get_or_insert_with(memory::untold_bytes);
    if let Some(protection) = global.protection {
        settings.protection = Some(match protection {
            cli::Protection::Plain => Protection::Plain,
            cli::Protection::Keys => Protection::Keys,
        });
    }
    Ok(settings)
}

fn one(finding: huiliu_spec::Diagnostic) -> Failure {
    Failure::Findings(vec![finding])
}

fn no_pipelines(folder: &Path) -> Failure {
    Failure::invalid(format!("there is no folder `{}` with pipelines", folder.display())).help(
        "run in the project's folder, name its settings with --config, or set HUILIU_HOME to it",
    )
}
