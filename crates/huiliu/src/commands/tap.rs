//! `huiliu tap`: the newest records of a dataset, room by room.
//!
//! The rooms are those of ingestion, run here on a sample; nothing is written. What a person may
//! see of a value is what quarantine shows of it (`huiliu_normalise::disclose`).

mod sample;

use crate::cli::{Global, Lines, TapArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use crate::schemas::{attach, for_a_verb};
use huiliu_decode::Limits;
use huiliu_ingest::Pipeline;
use huiliu_kafka::{Route, newest_records};
use huiliu_model::Contract;
use huiliu_normalise::Protection;
use sample::{Sampled, sampled};
use serde::Serialize;
use std::io::{self, Write};
use std::sync::Arc;

#[derive(Debug, Serialize)]
struct Tapped {
    dataset: String,
    records: Vec<Sampled>,
}

impl Form for Tapped {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.records.iter().try_for_each(|record| record.text(out))
    }
}

impl Form for Sampled {
    fn text(&self, mut out: &mut dyn Write) -> io::Result<()> {
        let Self { kafka_topic, partition, offset, bytes, .. } = self;
        writeln!(out, "{kafka_topic}/{partition} offset {offset}, {bytes} bytes")?;
        writeln!(out, "  {}", self.structure)?;
        if let Some(reject) = &self.reject {
            let field = reject.field.as_deref().map(|field| format!(" of {field}"));
            let field = field.unwrap_or_default();
            writeln!(out, "  rejected in {}: {}{field}", reject.stage, reject.reason)?;
        }
        for row in &self.rows {
            let heads = ["column", "decoded", "judged", "stored"];
            let mut table =
                Table::new(heads.map(|h| (h.to_owned(), Align::Left))).fit(terminal_width());
            for cell in &row.cells {
                table.push([
                    Some(cell.column.clone()),
                    cell.decoded.clone(),
                    cell.judged.clone(),
                    cell.stored.clone(),
                ]);
            }
            table.print(&mut out)?;
            if let Some(flags) = &row.flags {
                writeln!(out, "  flags: {flags}")?;
            }
        }
        writeln!(out)
    }
}

/// Prints the newest records.
///
/// # Errors
/// As Kafka and the schema registry answer; usage for a dataset that is not declared.
pub fn execute(args: &TapArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let contracts = &installation.project.contracts;
    let found = contracts.iter().find(|contract| *contract.dataset == *args.dataset);
    let Some(contract) = found else {
        return Err(Failure::usage(format!("there is no dataset `{}`", args.dataset))
            .help("`huiliu status` lists the datasets"));
    };
    let kafka = installation.kafka()?;
    let route =
        Route { dataset: contract.dataset.clone(), kafka_topics: contract.kafka_topics.clone() };
    let rooms = Rooms::open(&installation, contract)?;
    let mut records = newest_records(&kafka, &route, i64::from(args.limit))?;
    let now_us = clock().now_us();
    let mut shown = Vec::new();
    let runtime = runtime()?;
    for records in &mut records {
        runtime.block_on(async {
            rooms.plain.resolve(records).await?;
            rooms.protected.resolve(records).await
        })?;
        shown.extend(sampled(&rooms, records, now_us)?);
    }
    shown.sort_by_key(|record| std::cmp::Reverse((record.kafka_time_ms, record.offset)));
    shown.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    if shown.is_empty() {
        console.say(format!("kafka_topic `{}` holds no record", contract.kafka_topics));
    }
    if args.output.form == Lines::Ndjson {
        return shown.iter().try_for_each(|record| answer(Lines::Ndjson, record));
    }
    answer(args.output.form, &Tapped { dataset: args.dataset.clone(), records: shown })
}

/// The rooms of one dataset, twice: without protection, to see what is judged, and with that of
/// the installation.
pub struct Rooms {
    pub contract: Arc<Contract>,
    pub plain: Pipeline,
    pub protected: Pipeline,
}

impl Rooms {
    fn open(installation: &Installation, contract: &Arc<Contract>) -> Result<Self, Failure> {
        let limits = installation.settings.limits;
        let limits = Limits { record_bytes: limits.record_bytes_max, nesting: limits.nesting_max };
        let registry = for_a_verb(installation)?;
        let pipeline = |protection: Protection| {
            let pipeline = Pipeline::new(Arc::clone(contract), limits, Arc::new(protection))?;
            Ok::<_, Failure>(attach(pipeline, &registry))
        };
        Ok(Self {
            contract: Arc::clone(contract),
            plain: pipeline(Protection::Plain)?,
            protected: pipeline(installation.protection()?)?,
        })
    }
}
