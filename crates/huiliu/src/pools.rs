//! What folds and refreshes hold of their shares of the memory, and what they spill; read when the
//! registry is gathered, so that nobody has to remember to tell.

use crate::memory::Memory;
use huiliu_model::usage::Usage;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};
use std::sync::Arc;

/// Usage and limits of the pools of one process. Cheap to clone.
#[derive(Clone)]
pub struct Pools {
    pub folds: Arc<Usage>,
    pub refreshes: Arc<Usage>,
    reserved: IntGaugeVec,
    limit: IntGaugeVec,
    spilled: IntCounterVec,
}

impl Pools {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let pool = &["pool"];
        let pools = Self {
            folds: Arc::default(),
            refreshes: Arc::default(),
            reserved: IntGaugeVec::new(
                Opts::new(
                    "huiliu_memory_pool_reserved_bytes",
                    "Memory that folds or refreshes hold of their share of the budget.",
                ),
                pool,
            )?,
            limit: IntGaugeVec::new(
                Opts::new(
                    "huiliu_memory_pool_limit_bytes",
                    "That share. Beyond it a fold works in slices and a refresh spills.",
                ),
                pool,
            )?,
            spilled: IntCounterVec::new(
                Opts::new(
                    "huiliu_spill_bytes_total",
                    "Bytes that refreshes wrote to disk because their memory was full.",
                ),
                pool,
            )?,
        };
        registry.register(Box::new(pools.clone()))?;
        Ok(pools)
    }

    /// Shows how the memory is divided from now on.
    pub fn divide(&self, memory: Memory) {
        let limits = [("fold", memory.fold_bytes()), ("refresh", memory.beside_bytes())];
        for (pool, bytes) in limits {
            self.limit.with_label_values(&[pool]).set(gauge(bytes as u64));
        }
    }
}

fn gauge(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Collector for Pools {
    fn desc(&self) -> Vec<&Desc> {
        [self.reserved.desc(), self.limit.desc(), self.spilled.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (pool, usage) in [("fold", &self.folds), ("refresh", &self.refreshes)] {
            self.reserved.with_label_values(&[pool]).set(gauge(usage.held_bytes()));
        }
        let spilled = self.spilled.with_label_values(&["refresh"]);
        spilled.inc_by(self.refreshes.spilled_bytes().saturating_sub(spilled.get()));
        [self.reserved.collect(), self.limit.collect(), self.spilled.collect()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_and_spilled_is_there_at_every_look() {
        let registry = Registry::new();
        let pools = Pools::register(&registry).expect("new names");
        pools.divide(Memory::of(800));
        let text = || crate::metrics::text(&registry).expect("text");
        let held = pools.refreshes.holding(70);
        pools.refreshes.spilled(9);
        for expected in [
            "huiliu_memory_pool_reserved_bytes{pool=\"refresh\"} 70\n",
            "huiliu_memory_pool_reserved_bytes{pool=\"fold\"} 0\n",
            "huiliu_memory_pool_limit_bytes{pool=\"fold\"} 100\n",
            "huiliu_memory_pool_limit_bytes{pool=\"refresh\"} 200\n",
            "huiliu_spill_bytes_total{pool=\"refresh\"} 9\n",
        ] {
            assert!(text().contains(expected), "{expected}{}", text());
        }
        drop(held);
        pools.refreshes.spilled(1);
        assert!(text().contains("huiliu_spill_bytes_total{pool=\"refresh\"} 10\n"));
        assert!(text().contains("huiliu_memory_pool_reserved_bytes{pool=\"refresh\"} 0\n"));
    }
}
