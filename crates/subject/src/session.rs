//! The session in which subject SQL runs.
//!
//! Owns memory limit, spill folder, parallelism and the set of functions. Refuses functions whose
//! result depends on the clock or on chance: they are not registered, so a query that names one
//! does not plan. All sessions of one [`Sessions`] share one memory pool, so a build and its
//! checks together stay within one budget.

use crate::bucket::identity_bucket;
use crate::fault;
use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::{ScalarUDF, Volatility};
use datafusion::prelude::{SessionConfig, SessionContext};
use huiliu_lake::{CappedPool, Room};
use huiliu_model::Error;
use huiliu_model::usage::Usage;
use std::any::Any;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

/// What a build may use.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Limit of the memory pool: sorts, aggregates and merge joins spill beyond it.
    pub memory_bytes: usize,
    /// Partitions of each plan, at most the number of cores is useful. With one, joins are hash
    /// joins: they are fast where inputs are small, and fail when memory runs out.
    pub partitions: usize,
    /// Rows that a step of a plan works on at once, at most the engine's 8,192: fewer where rows
    /// are so wide that some batches side by side would be the whole pool.
    pub batch_rows: usize,
    /// Sorts spill long before the pool is full, so that several of them fit side by side.
    pub spill_early: bool,
    /// Where sorts and aggregates spill.
    pub room: Room,
    /// Buckets built in one pass over the inputs. One bounds memory best; as many as the table
    /// has reads the inputs once.
    pub buckets_per_pass: u32,
    /// Where it is counted what is held and spilled; shared by the refreshes of a process.
    pub usage: Arc<Usage>,
}

impl Default for Budget {
    /// 512 MiB, two partitions, one bucket at a time.
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            partitions: 2,
            batch_rows: BATCH_ROWS,
            spill_early: false,
            room: Room::default(),
            buckets_per_pass: 1,
            usage: Arc::default(),
        }
    }
}

/// Makes sessions that share one memory pool and one spill folder.
#[derive(Debug)]
pub struct Sessions {
    runtime: Arc<RuntimeEnv>,
    config: SessionConfig,
    functions: Vec<ScalarUDF>,
}

/// What a sort keeps back for merging what it spilled: the engine's 10 MiB, less in a small pool,
/// in which some sorts side by side would reserve everything.
const SPILL_RESERVE_BYTES_MAX: usize = 10 << 20;
const SPILL_RESERVE_BYTES_MIN: usize = 1 << 20;

/// A sort that spills early has this part of the pool: both sides of a join in two partitions are
/// four, and each is merged from what it spilled.
const EARLY_PART: usize = 8;
/// The engine's own.
const BATCH_ROWS: usize = 8_192;

/// Consumers named in the error when memory runs out.
const CONSUMERS_NAMED: usize = 5;

impl Sessions {
    /// Sessions that know `functions` beside those of the engine.
    ///
    /// # Errors
    /// `Unavailable` when the spill folder cannot be used.
    pub fn new(budget: &Budget, functions: &[ScalarUDF]) -> Result<Self, Error> {
        let named = NonZeroUsize::new(CONSUMERS_NAMED).expect("the constant is not zero");
        let cap_bytes = match budget.spill_early {
            true => budget.memory_bytes / EARLY_PART,
            false => budget.memory_bytes,
        };
        let usage = || Arc::clone(&budget.usage);
        let pool = CappedPool::new(budget.memory_bytes, cap_bytes, usage());
        let pool = TrackConsumersPool::new(pool, named);
        let failed = |e| fault::running("spill folder", e);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(budget.room.counted(usage()))
            .build_arc()
            .map_err(failed)?;
        Ok(Self { runtime, config: config(budget), functions: functions.to_vec() })
    }

    /// A session with deterministic functions only.
    pub fn open(&self) -> SessionContext {
        let ctx = self.open_with_all_functions();
        let functions = ctx.state().scalar_functions().clone();
        for (name, function) in functions {
            if function.signature().volatility != Volatility::Immutable {
                ctx.deregister_udf(&name);
            }
        }
        ctx
    }

    /// Partitions of each plan.
    pub(crate) fn partitions(&self) -> usize {
        self.config.target_partitions()
    }

    /// What a plan that was made before runs in; its leaves find `brought` there.
    pub(crate) fn task<T: Any + Send + Sync>(&self, brought: Arc<T>) -> Arc<TaskContext> {
        let (config, runtime) = (self.config.clone(), Arc::clone(&self.runtime));
        Arc::new(TaskContext::new(
            None,
            String::new(),
            config.with_extension(brought),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            runtime,
        ))
    }

    /// A session that also knows the functions a build refuses, so that validation can name them.
    pub(crate) fn open_with_all_functions(&self) -> SessionContext {
        let ctx = SessionContext::new_with_config_rt(self.config.clone(), self.runtime.clone());
        ctx.register_udf(identity_bucket());
        for function in &self.functions {
            ctx.register_udf(function.clone());
        }
        ctx
    }
}

/// A session that knows how statements are written, and nothing that they name.
pub(crate) fn parser() -> &'static SessionState {
    static PARSER: LazyLock<SessionState> = LazyLock::new(|| {
        SessionStateBuilder::new().with_config(config(&Budget::default())).build()
    });
    &PARSER
}

/// Registers a table under its name, which may be `subject.table`; one of that name is replaced.
///
/// # Errors
/// As the engine answers.
pub(crate) fn register(
    ctx: &SessionContext,
    name: &str,
    rows: Arc<dyn TableProvider>,
) -> datafusion::error::Result<()> {
    if let Some((subject, _)) = name.split_once('.') {
        // Not `ctx.state()`, which copies every function of the session.
        let default = ctx.state_ref().read().config_options().catalog.default_catalog.clone();
        if let Some(catalogue) = ctx.catalog(&default)
            && catalogue.schema(subject).is_none()
        {
            catalogue.register_schema(subject, Arc::new(MemorySchemaProvider::new()))?;
        }
    }
    ctx.deregister_table(name)?;
    ctx.register_table(name, rows).map(|_| ())
}

fn config(budget: &Budget) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(budget.partitions.max(1))
        .with_batch_size(budget.batch_rows.max(1));
    let options = config.options_mut();
    options.execution.time_zone = Some("+00:00".into());
    // A hash join keeps its build side in memory and does not spill; a merge join does. The engine
    // plans merge joins only for more than one partition.
    options.optimizer.prefer_hash_join = false;
    options.execution.sort_spill_reservation_bytes =
        (budget.memory_bytes / 64).clamp(SPILL_RESERVE_BYTES_MIN, SPILL_RESERVE_BYTES_MAX);
    // Tables are stored as plain strings: views would be converted back at the end.
    // So that an error of planning says where in the text it is.
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    options.execution.parquet.pushdown_filters = true;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn functions_of_clock_and_chance_do_not_exist_in_a_build() {
        let ctx = Sessions::new(&Budget::default(), &[]).expect("temporary folder").open();
        for sql in ["SELECT now()", "SELECT current_date()", "SELECT random()", "SELECT uuid()"] {
            assert!(ctx.sql(sql).await.is_err(), "{sql} has no place in a build");
        }
        assert!(ctx.sql("SELECT identity_bucket('a', 8), round(1.25, 1)").await.is_ok());
    }

    #[tokio::test]
    async fn functions_that_are_handed_in_are_known_in_every_session() {
        let functions = huiliu_functions::all();
        let sessions = Sessions::new(&Budget::default(), &functions).expect("temporary folder");
        for ctx in [sessions.open(), sessions.open_with_all_functions()] {
            assert!(ctx.sql("SELECT uscc_valid('91350100M000100Y43')").await.is_ok());
        }
    }
}
