//! Keeps the status of a running process fresh, for `/statusz` and the page.

use crate::activity::Activity;
use crate::admin::Health;
use crate::commands::incidents::{self, PartitionLine};
use crate::commands::status;
use crate::console::Console;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::installation::{Installation, clock};
use crate::layout;
use crate::obstacle::{Code, Obstacle};
use crate::readings::Readings;
use crate::report::{Look, Memory};
use huiliu_lake::Lake;
use prometheus::Registry;
use std::collections::BTreeMap;
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
            console: console.clone(),
        }
    }

    /// Looks until `stop`.
    pub async fn go_on(self, stop: CancellationToken) {
        let mut memory = Memory::default();
        let mut stuck = (BTreeMap::new(), Vec::new());
        loop {
            match status::of(&self.installation, &self.lake).await {
                Ok(status) => {
                    self.health.clear("lake");
                    let now_us = clock().now_us();
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
