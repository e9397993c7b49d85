//! How files lie and what waits behind the newest rows, by group: gauges that every look at the
//! status sets. The detail of each table is in `huiliu status` and the ledger.

use crate::commands::status::Status;
use huiliu_lake::Layout;
use huiliu_model::Contract;
use prometheus::{IntGaugeVec, Opts, Registry};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Group label of the subject tables.
const SUBJECTS: &str = "subject";

/// What is told of files and logs.
#[derive(Clone)]
pub struct Metrics {
    files: IntGaugeVec,
    small: IntGaugeVec,
    bytes: IntGaugeVec,
    log_commits: IntGaugeVec,
    to_fold: IntGaugeVec,
    quarantined: IntGaugeVec,
    refreshed_at: IntGaugeVec,
}

/// Figures of one look.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    /// By group and layer.
    layouts: BTreeMap<(&'static str, &'static str), Layout>,
    to_fold: BTreeMap<&'static str, i64>,
    quarantined: BTreeMap<&'static str, i64>,
}

impl Metrics {
    /// # Errors
    /// When the registry holds one of these names already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauges = |name: &str, about: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, about), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, prometheus::Error>(gauges)
        };
        let place = &["group", "layer"];
        Ok(Self {
            files: gauges("huiliu_table_files", "Files of the newest versions.", place)?,
            small: gauges("huiliu_table_small_files", "Of these, files below 16 MiB.", place)?,
            bytes: gauges("huiliu_table_size_bytes", "Bytes of these files.", place)?,
            log_commits: gauges(
                "huiliu_table_log_commits_since_checkpoint",
                "Commits behind the newest checkpoint, of the table with most.",
                place,
            )?,
            to_fold: gauges(
                "huiliu_fold_waiting_changes",
                "Changes that no fold has reached; queries see them all the same.",
                &["group"],
            )?,
            quarantined: gauges(
                "huiliu_quarantine_rows",
                "Rejects that the quarantine tables hold.",
                &["group"],
            )?,
            refreshed_at: gauges(
                "huiliu_subject_last_commit_timestamp_seconds",
                "When a subject table was last built or refreshed, by whichever process.",
                &["table"],
            )?,
        })
    }

    /// Shows one look at the tables.
    pub fn show(&self, status: &Status, contracts: &[Arc<Contract>], now_us: i64) {
        let sums = Sums::of(status, contracts);
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for ((group, layer), layout) in &sums.layouts {
            let labels = [*group, *layer];
            self.files.with_label_values(&labels).set(gauge(layout.files));
            self.small.with_label_values(&labels).set(gauge(layout.small_files));
            self.bytes.with_label_values(&labels).set(gauge(layout.size_bytes));
            self.log_commits.with_label_values(&labels).set(gauge(layout.log_commits));
        }
        for (group, changes) in &sums.to_fold {
            self.to_fold.with_label_values(&[*group]).set(*changes);
        }
        for (group, rows) in &sums.quarantined {
            self.quarantined.with_label_values(&[*group]).set(*rows);
        }
        for line in &status.subjects {
            if let Some(age) = line.age_seconds {
                let at = now_us / 1_000_000 - age;
                self.refreshed_at.with_label_values(&[&line.table]).set(at);
            }
        }
    }
}

impl Sums {
    fn of(status: &Status, contracts: &[Arc<Contract>]) -> Self {
        let groups: BTreeMap<&str, &'static str> =
            contracts.iter().map(|c| (&*c.dataset, c.group.label())).collect();
        let mut sums = Self::default();
        for line in &status.datasets {
            let Some(group) = groups.get(&*line.dataset) else { continue };
            for (layer, layout) in line.layouts {
                *sums.layouts.entry((group, layer)).or_default() += layout;
            }
            *sums.to_fold.entry(group).or_default() += line.pending_rows;
            *sums.quarantined.entry(group).or_default() += line.rejected_rows;
        }
        for layout in status.subjects.iter().filter_map(|line| line.layout) {
            *sums.layouts.entry((SUBJECTS, "subjects")).or_default() += layout;
        }
        sums
    }
}
