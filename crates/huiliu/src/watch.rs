//! Keeps the status of a running process fresh, for `/statusz` and the page.

use crate::activity::Activity;
use crate::admin::Health;
use crate::certificates;
use crate::commands::incidents::{self, PartitionLine};
use crate::commands::status;
use crate::console::Console;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::installation::{Installation, clock};
use crate::layout;
use crate::obstacle::{Code, Obstacle};
use crate::oldest::Oldest;
use crate::readings::Readings;
use crate::report::{Look, Memory};
use huiliu_lake::Lake;
use prometheus::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(5);

/// What the status of a running process is made of.
pub struct Watch {
    installation: Installation,
    lake: Lake,
    health: Health,
    registry: Registry,
    activity: Activity,
    layout: layout::Metrics,
    certificates: certificates::Metrics,
    oldest: Oldest,
    console: Console,
}

impl Watch {
    pub fn over(engine: &Engine, console: &Console) -> Self {
        Self {
            installation: engine.installation.clone(),
            lake: engine.lake.clone(),
            health: engine.health.clone(),
            registry: engine.registry.clone(),
            activity: engine.activity.clone(),
            layout: engine.rooms.layout.clone(),
            certificates: engine.rooms.certificates.clone(),
            oldest: Oldest::new(engine.rooms.oldest.clone(), Arc::clone(&engine.clock)),
            console: console.clone(),
        }
    }

    /// Looks until `stop`.
    pub async fn go_on(mut self, stop: CancellationToken) {
        let mut memory = Memory::default();
        let mut stuck = (BTreeMap::new(), Vec::new());
        loop {
            match status::of(&self.installation, &self.lake).await {
                Ok(status) => {
                    self.health.clear("lake");
                    let now_us = clock().now_us();
                    self.certificates.look(&self.installation);
                    self.layout.show(&status, &self.installation.project.contracts, now_us);
                    let readings = Readings::take(&self.registry);
                    self.ask_kafka(&readings, &status, &mut stuck).await;
                    let look = Look {
                        installation: &self.installation,
                        readings: &readings,
                        activity: &self.activity,
                        stuck: &stuck.1,
                        now_us,
                    };
                    let contracts = &self.installation.project.contracts;
                    if let Err(error) = self.oldest.look(&self.lake, &status, contracts).await {
                        tracing::debug!(%error, "the oldest rejects are not known now");
                    }
                    self.health.report(look.report(status, &mut memory));
                }
                Err(Failure::Error(error)) => {
                    let why = error.message;
                    self.health.blocked(Obstacle::new("lake", Code::LakeUnavailable, why));
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Asks Kafka what it still holds of partitions that stand still, once for each set of them.
    async fn ask_kafka(
        &self,
        readings: &Readings,
        status: &status::Status,
        stuck: &mut (BTreeMap<String, String>, Vec<PartitionLine>),
    ) {
        let now = readings.stuck_partitions();
        if now == stuck.0 {
            return;
        }
        let progress = status.datasets.iter().flat_map(|line| line.progress.clone()).collect();
        let lines = incidents::partitions(&self.installation, &progress, &self.console).await;
        *stuck = (now, lines.unwrap_or_default());
    }
}
