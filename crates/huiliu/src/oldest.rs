//! Since when rejects wait for a person, by group. Finding out reads quarantine, so a dataset is
//! asked when its first reject shows and then every five minutes, some datasets at a look.

use crate::commands::status::Status;
use huiliu_lake::Lake;
use huiliu_model::{Clock, Contract, Error};
use prometheus::{IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(300);
/// Datasets that one look asks.
const AT_ONCE: usize = 16;

/// What is told of rejects.
#[derive(Clone)]
pub struct Metrics {
    oldest: IntGaugeVec,
}

impl Metrics {
    /// # Errors
    /// When the registry holds the name already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let oldest = IntGaugeVec::new(
            Opts::new(
                "huiliu_quarantine_oldest_open_timestamp_seconds",
                "When the oldest reject was rejected that is neither repaired nor dropped; 0 \
                 without one.",
            ),
            &["group"],
        )?;
        registry.register(Box::new(oldest.clone()))?;
        Ok(Self { oldest })
    }
}

/// What was found so far: per dataset when it was asked, and its oldest open reject, microseconds
/// since 1970 UTC.
pub struct Oldest {
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    asked: BTreeMap<String, (Duration, Option<i64>)>,
}

impl Oldest {
    pub fn new(metrics: Metrics, clock: Arc<dyn Clock>) -> Self {
        Self { metrics, clock, asked: BTreeMap::new() }
    }

    /// Asks what is due and shows it.
    ///
    /// # Errors
    /// As the store answers; what was found is shown at the next look.
    pub async fn look(
        &mut self,
        lake: &Lake,
        status: &Status,
        contracts: &[Arc<Contract>],
    ) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let holding = status.datasets.iter().filter(|line| line.rejected_rows > 0);
        let mut due: Vec<(Duration, &str)> = holding
            .map(|line| match self.asked.get(&line.dataset) {
                Some((at, _)) => (*at + EVERY, line.dataset.as_str()),
                None => (Duration::ZERO, line.dataset.as_str()),
            })
            .filter(|(at, _)| *at <= now)
            .collect();
        due.sort_unstable();
        for (_, dataset) in due.into_iter().take(AT_ONCE) {
            let found = lake.rejects(dataset).await?.oldest_open_us().await?;
            self.asked.insert(dataset.to_owned(), (self.clock.monotonic(), found));
        }
        for (group, oldest_us) in by_group(&self.asked, contracts) {
            let at = oldest_us.map_or(0, |us| us / 1_000_000);
            self.metrics.oldest.with_label_values(&[group]).set(at);
        }
        Ok(())
    }
}

/// The oldest of each group that has datasets.
fn by_group(
    asked: &BTreeMap<String, (Duration, Option<i64>)>,
    contracts: &[Arc<Contract>],
) -> BTreeMap<&'static str, Option<i64>> {
    let mut groups: BTreeMap<&'static str, Option<i64>> = BTreeMap::new();
    for contract in contracts {
        let oldest = groups.entry(contract.group.label()).or_default();
        let found = asked.get(&*contract.dataset).and_then(|(_, found)| *found);
        *oldest = oldest.iter().copied().chain(found).min();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::contract::Group;
    use huiliu_testkit::account_contract;

    #[test]
    fn the_oldest_of_its_datasets_speaks_for_a_group() {
        let contract = |dataset: &str, group| {
            Arc::new(Contract { dataset: dataset.into(), group, ..account_contract() })
        };
        let contracts = [
            contract("a", Group::Base),
            contract("b", Group::Feed),
            contract("c", Group::Feed),
            contract("d", Group::Feed),
        ];
        let asked = [("b", Some(7)), ("c", Some(5)), ("d", None)];
        let asked = asked.map(|(dataset, found)| (dataset.to_owned(), (Duration::ZERO, found)));
        let found = by_group(&asked.into(), &contracts);
        assert_eq!(found, [("base", None), ("feed", Some(5))].into());
    }
}
