//! Metrics of the process itself; every room registers its own beside them.

use crate::pools::Pools;
use crate::process;
use crate::subjects::follow;
use crate::{certificates, duty, fold, heartbeats, layout, maintenance, obstacle, oldest, reload};
use huiliu_model::contract::Freshness;
use huiliu_model::{Clock, Contract, Error, ErrorKind};
use huiliu_spec::TableSpec;
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use std::sync::Arc;
use std::time::Duration;

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Commit the binary was built from, `unknown` outside a repository.
pub const REVISION: &str = env!("HUILIU_REVISION");
/// Compiler the binary was built with.
pub const RUSTC: &str = env!("HUILIU_RUSTC");

/// A promise of a minute is tier 1, a longer one tier 2, as in `ops/generate`.
const TIER_1: Duration = Duration::from_secs(60);
/// Hex digits of a contract's digest that its label shows.
const DIGEST_DIGITS: usize = 12;

/// What a process has declared: one series of value 1 per dataset and subject table, to join with.
pub struct Declared {
    datasets: IntGaugeVec,
    tables: IntGaugeVec,
    budget: IntGauge,
}

impl Declared {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let datasets = IntGaugeVec::new(
            Opts::new(
                "huiliu_dataset_info",
                "Declared datasets, and the digest of the contract that this process applies; \
                 always 1.",
            ),
            &["dataset", "group", "provider", "tier", "contract"],
        )?;
        let tables = IntGaugeVec::new(
            Opts::new("huiliu_table_info", "Declared subject tables that are on; always 1."),
            &["table", "subject", "tier"],
        )?;
        let budget = IntGauge::new(
            "huiliu_memory_budget_bytes",
            "Memory that the settings give the process for what it reads, folds and builds.",
        )?;
        registry.register(Box::new(datasets.clone()))?;
        registry.register(Box::new(tables.clone()))?;
        registry.register(Box::new(budget.clone()))?;
        Ok(Self { datasets, tables, budget })
    }

    /// Shows what runs from now on: contracts with their digests, tables, bytes of memory.
    pub fn declare<'a>(
        &self,
        contracts: impl Iterator<Item = (&'a Contract, &'a str)>,
        tables: impl Iterator<Item = &'a TableSpec>,
        memory_bytes: u64,
    ) {
        self.datasets.reset();
        for (c, digest) in contracts {
            let digest = digest.get(..DIGEST_DIGITS).unwrap_or(digest);
            let labels = [&*c.dataset, c.group.label(), &c.provider, tier(&c.freshness), digest];
            self.datasets.with_label_values(&labels).set(1);
        }
        self.tables.reset();
        for table in tables {
            let labels = [&*table.full_name(), &*table.subject, tier(&table.freshness)];
            self.tables.with_label_values(&labels).set(1);
        }
        self.budget.set(i64::try_from(memory_bytes).unwrap_or(i64::MAX));
    }
}

fn tier(promised: &Freshness) -> &'static str {
    if promised.warn_after <= TIER_1 { "1" } else { "2" }
}

/// The metrics of every room of a process that runs.
pub struct Rooms {
    pub ingest: Arc<huiliu_ingest::Metrics>,
    pub store: huiliu_lake::Metrics,
    pub fold: fold::Metrics,
    pub follow: follow::Metrics,
    pub maintenance: maintenance::Metrics,
    pub leases: duty::Metrics,
    pub reloads: reload::Metrics,
    pub layout: layout::Metrics,
    pub process: Arc<process::Metrics>,
    pub obstacles: Arc<obstacle::Metrics>,
    pub pools: Pools,
    pub certificates: certificates::Metrics,
    pub heartbeats: heartbeats::Metrics,
    pub oldest: oldest::Metrics,
    pub declared: Declared,
}

impl Rooms {
    /// # Errors
    /// When the registry holds one of their names already.
    pub fn register(
        registry: &Registry,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            ingest: Arc::new(huiliu_ingest::Metrics::register(registry)?),
            store: huiliu_lake::Metrics::register(registry)?,
            fold: fold::Metrics::register(registry)?,
            follow: follow::Metrics::register(registry)?,
            maintenance: maintenance::Metrics::register(registry)?,
            leases: duty::Metrics::register(registry)?,
            reloads: reload::Metrics::register(registry, &**clock)?,
            layout: layout::Metrics::register(registry)?,
            process: Arc::new(process::Metrics::register(registry, Arc::clone(clock))?),
            obstacles: Arc::new(obstacle::Metrics::register(registry)?),
            pools: Pools::register(registry)?,
            certificates: certificates::Metrics::register(registry)?,
            heartbeats: heartbeats::Metrics::register(registry)?,
            oldest: oldest::Metrics::register(registry)?,
            declared: Declared::register(registry)?,
        })
    }
}

/// A registry with what every process has: build, process, log volume.
///
/// # Errors
/// `Bug` when two metrics bear one name.
pub fn registry() -> Result<Registry, Error> {
    let registry = Registry::new();
    let build = IntGaugeVec::new(
        Opts::new("huiliu_build_info", "Version, revision and compiler of the binary; always 1."),
        &["version", "revision", "rustc"],
    )
    .map_err(duplicate)?;
    build.with_label_values(&[VERSION, REVISION, RUSTC]).set(1);
    registry.register(Box::new(build)).map_err(duplicate)?;
    registry.register(Box::new(ProcessCollector::for_self())).map_err(duplicate)?;
    registry.register(Box::new(crate::logging::MESSAGES.clone())).map_err(duplicate)?;
    Ok(registry)
}

/// The registry in Prometheus' text form.
///
/// # Errors
/// `Bug` when a metric cannot be encoded.
pub fn text(registry: &Registry) -> Result<String, Error> {
    TextEncoder::new().encode_to_string(&registry.gather()).map_err(|source| {
        Error::new(ErrorKind::Bug, "metrics could not be encoded").because(source)
    })
}

/// A room's metric bears a name that is taken, or a label that is not allowed.
pub fn duplicate(source: prometheus::Error) -> Error {
    Error::new(ErrorKind::Bug, "a metric could not be registered").because(source)
}

#[cfg(test)]
mod series;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_describes_itself() {
        let text = text(&registry().expect("distinct names")).expect("text");
        let build = format!("huiliu_build_info{{revision=\"{REVISION}\",rustc=\"{RUSTC}\"");
        assert!(text.contains(&build), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
        assert!(text.contains("huiliu_log_messages_total{level=\"error\"} "), "{text}");
    }
}
