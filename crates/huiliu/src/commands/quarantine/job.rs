//! The work of `replay` and `repair`: rejects in portions through the rooms again, and back into
//! `changes` under the guard of the lake.

use super::desk::{Desk, portion};
use crate::failure::Failure;
use crate::output::Form;
use crate::output::table::{Align, Table};
use crate::output::terminal_width;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_ingest::{Decoded, Image, Patch};
use huiliu_lake::quarantine::{
    Action, Attempt, Coordinate, Entry, Outcome, Replay, Selection, State, StoredReject,
};
use huiliu_model::contract::Rule;
use huiliu_model::{Column, Error, ErrorKind, Records, system};
use huiliu_normalise::rule;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

/// Rejects whose heads are read at once.
const HEADS_AT_ONCE: usize = 20_000;
/// Records that a report names one by one.
const NAMED_MAX: usize = 1_000;
/// Of these, how many a table for people shows.
const SHOWN_MAX: usize = 20;

/// New values for the fields of one record.
pub type Patches = BTreeMap<Coordinate, Vec<Change>>;

/// One new value.
#[derive(Debug, Clone)]
pub struct Change {
    pub column: usize,
    /// As the user said it; `None` takes the image that the record has, after before before.
    pub image: Option<Image>,
    pub value: Option<String>,
}

/// What is to be done, and by whom.
pub struct Job<'a> {
    pub desk: &'a Desk,
    pub action: Action,
    pub actor: String,
    pub note: Option<String>,
    pub dry_run: bool,
    pub patches: Patches,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub dataset: String,
    pub dry_run: bool,
    /// Records whose rows are in `changes` now.
    pub accepted: usize,
    /// Records that fail again and stay in quarantine.
    pub rejected: usize,
    /// Records whose rows were in `changes` before.
    pub already: usize,
    /// Records that cannot be read: not kept, or sealed under another key.
    pub unreadable: usize,
    /// The last version of `changes` that was written.
    pub changes_version: Option<i64>,
    /// Up to a thousand records.
    pub records: Vec<Line>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub coordinate: String,
    pub outcome: &'static str,
    pub reason_before: String,
    pub reason_after: Option<String>,
    pub field: Option<String>,
}

/// Why a record failed again.
struct Verdict {
    reason: String,
    field: Option<String>,
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = out;
        let head = if self.dry_run { "would be accepted" } else { "accepted" };
        write!(
            out,
            "{}: {} {head}, {} rejected again",
            self.dataset, self.accepted, self.rejected
        )?;
        write!(out, ", {} in changes already", self.already)?;
        if self.unreadable > 0 {
            write!(out, ", {} unreadable", self.unreadable)?;
        }
        if let Some(version) = self.changes_version {
            write!(out, "; version {version} of changes.{}", self.dataset)?;
        }
        writeln!(out)?;
        if self.records.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let heads = ["coordinate", "outcome", "was", "is", "field"];
        let mut table =
            Table::new(heads.map(|name| (name.to_owned(), Align::Left))).fit(terminal_width());
        for line in self.records.iter().take(SHOWN_MAX) {
            table.push([
                Some(line.coordinate.clone()),
                Some(line.outcome.to_owned()),
                Some(line.reason_before.clone()),
                Some(line.reason_after.clone().unwrap_or_default()),
                Some(line.field.clone().unwrap_or_default()),
            ]);
        }
        table.print(&mut out)?;
        let total = self.accepted + self.rejected + self.already + self.unreadable;
        if total > SHOWN_MAX {
            writeln!(out, "… and {} more", total - SHOWN_MAX)?;
        }
        Ok(())
    }
}

impl Job<'_> {
    /// Works through everything selected that is open.
    ///
    /// # Errors
    /// As the lake answers; what was committed stays, and running again goes on from there.
    pub async fn run(&self, selection: &Selection) -> Result<Report, Failure> {
        let desk = self.desk;
        if !self.dry_run {
            // Entries of somebody who died between two commits: what is open is known after.
            desk.lake.settle_repairs(desk.dataset()).await?;
        }
        let rejects = desk.lake.rejects(desk.dataset()).await?;
        let mut report = Report {
            dataset: desk.dataset().to_owned(),
            dry_run: self.dry_run,
            ..Report::default()
        };
        let mut after = None;
        loop {
            let page = Selection {
                state: Some(State::Open),
                after,
                limit: Some(HEADS_AT_ONCE),
                ..selection.clone()
            };
            let mut heads = rejects.list(&page).await?;
            after = heads.last().map(|r| r.coordinate.clone());
            if heads.is_empty() {
                return Ok(report);
            }
            while !heads.is_empty() {
                let rest = heads.split_off(portion(&heads));
                let mut some = std::mem::replace(&mut heads, rest);
                rejects.load_raw(&mut some).await?;
                desk.look_up_schemas(&some).await?;
                self.portion(&some, &mut report).await?;
            }
        }
    }

    async fn portion(&self, some: &[StoredReject], report: &mut Report) -> Result<(), Failure> {
        let desk = self.desk;
        let dataset = desk.lake.dataset(desk.dataset())?;
        for of_topic in some.chunk_by(|a, b| {
            a.coordinate.partition.kafka_topic == b.coordinate.partition.kafka_topic
        }) {
            let mut readable = Vec::with_capacity(of_topic.len());
            for reject in of_topic {
                match desk.open_raw(reject) {
                    Ok(raw) => readable.push((reject, raw)),
                    Err(error) if error.kind == ErrorKind::Corrupt => return Err(error.into()),
                    Err(error) => {
                        report.unreadable += 1;
                        let outcome = ("unreadable", Some(error.message));
                        self.tell(report, reject, outcome, None);
                    }
                }
            }
            let times: Vec<i64> = readable.iter().map(|(r, _)| r.ingest_time_us).collect();
            let epochs = dataset.epochs_at(&times).await?;
            let replay = self.prepare(&readable, &epochs)?;
            let done = desk.lake.replay(desk.dataset(), &replay, self.dry_run).await?;
            report.accepted += done.count(Outcome::Accepted);
            report.rejected += done.count(Outcome::Rejected);
            report.already += done.count(Outcome::Already);
            report.changes_version = done.changes_version.or(report.changes_version);
            let by_place: HashMap<Coordinate, &Entry> =
                done.entries.iter().map(|e| (e.coordinate(), e)).collect();
            for (reject, _) in &readable {
                let Some(entry) = by_place.get(&reject.coordinate) else { continue };
                let outcome = (entry.outcome.label(), entry.reason_after.clone());
                self.tell(report, reject, outcome, entry.field.clone());
            }
        }
        Ok(())
    }

    fn tell(
        &self,
        report: &mut Report,
        reject: &StoredReject,
        (outcome, reason_after): (&'static str, Option<String>),
        field: Option<String>,
    ) {
        if report.records.len() < NAMED_MAX {
            report.records.push(Line {
                coordinate: self.desk.name(&reject.coordinate),
                outcome,
                reason_before: reject.reason.clone(),
                reason_after,
                field: field.or_else(|| reject.field.clone()),
            });
        }
    }

    /// Decodes, puts new values in place, judges. No I/O.
    fn prepare(
        &self,
        rejects: &[(&StoredReject, Vec<u8>)],
        epochs: &[i64],
    ) -> Result<Replay, Failure> {
        let desk = self.desk;
        let records = desk.records(rejects);
        let mut decoded = desk.pipeline.decode(&records);
        decoded.date_back(epochs);
        let mut put: Vec<Vec<Put>> = Vec::with_capacity(rejects.len());
        for ((reject, _), record) in rejects.iter().zip(0..) {
            let changes = self.patches.get(&reject.coordinate).map_or(&[][..], Vec::as_slice);
            let of_one: Result<Vec<Put>, Failure> = changes
                .iter()
                .map(|change| self.put(&records, &mut decoded, (record, reject), change))
                .collect();
            put.push(of_one?);
        }
        let prepared = desk.pipeline.prepare_decoded(&records, &decoded, desk.clock.now_us());
        let verdicts = match &prepared.rejects {
            Some(rejects) => verdicts(rejects)?,
            None => HashMap::new(),
        };
        let attempts = rejects
            .iter()
            .zip(put)
            .map(|((reject, _), put)| {
                let place = (reject.coordinate.partition.number, reject.coordinate.offset);
                self.attempt(reject, verdicts.get(&place), put)
            })
            .collect();
        Ok(Replay { rows: prepared.rows.into_iter().collect(), attempts })
    }

    fn put(
        &self,
        records: &Records,
        decoded: &mut Decoded,
        (record, reject): (u32, &StoredReject),
        change: &Change,
    ) -> Result<Put, Failure> {
        let column = &self.desk.contract.columns[change.column];
        let images = match change.image {
            Some(image) => vec![image],
            None => vec![Image::After, Image::Before],
        };
        for image in images {
            let before = decoded.text(records, record, change.column, image);
            let value = change.value.clone();
            if decoded.put(&Patch { record, column: change.column, image, value }) {
                return Ok(Put {
                    field: column.name.clone(),
                    before: before.and_then(|text| self.stored(column, &text)),
                    after: change.value.as_ref().and_then(|text| self.stored(column, text)),
                });
            }
        }
        let place = self.desk.name(&reject.coordinate);
        let text = match decoded.has_rows(record) {
            true => format!("the record at {place} has no such image of `{}`", column.name),
            false => format!("the record at {place} does not decode, so no field can be set"),
        };
        Err(Error::new(ErrorKind::Contract, text)
            .help("ask the department to send it again, or drop it")
            .into())
    }

    /// A value as it may stand in the ledger; normalised first, so that tokens meet.
    fn stored(&self, column: &Column, text: &str) -> Option<String> {
        let named = column.rules.iter().find_map(|rule| match rule {
            Rule::Named(named) => Some(*named),
            _ => None,
        });
        let outcome = named.map(|named| rule::apply(named, text, &rule::Context::default()));
        let text = outcome.as_ref().and_then(|o| o.text()).unwrap_or(text);
        self.desk.stored(column, text)
    }

    fn attempt(&self, reject: &StoredReject, verdict: Option<&Verdict>, put: Vec<Put>) -> Attempt {
        let desk = self.desk;
        let entry = Entry {
            at_us: desk.clock.now_us(),
            kafka_topic: reject.coordinate.partition.kafka_topic.to_string(),
            partition: reject.coordinate.partition.number,
            offset: reject.coordinate.offset,
            action: self.action,
            outcome: if verdict.is_some() { Outcome::Rejected } else { Outcome::Accepted },
            reason_before: Some(reject.reason.clone()),
            reason_after: verdict.map(|v| v.reason.clone()),
            field: verdict.and_then(|v| v.field.clone()).or_else(|| reject.field.clone()),
            value_before: None,
            value_after: None,
            raw_sm3: reject.digest(),
            contract_sm3: Some(desk.contract_sm3()),
            changes_version: None,
            actor: self.actor.clone(),
            note: self.note.clone(),
        };
        let of_field = |put: Put| Entry {
            field: Some(put.field),
            value_before: put.before,
            value_after: put.after,
            ..entry.clone()
        };
        let mut entries: Vec<Entry> = put.into_iter().map(of_field).collect();
        if entries.is_empty() {
            entries.push(entry);
        }
        Attempt { entries, kafka_time_us: reject.kafka_time_us }
    }
}

/// A new value in place, as the ledger tells it.
struct Put {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// Rejects of one kafka_topic by partition and offset.
fn verdicts(rejects: &RecordBatch) -> Result<HashMap<(i32, i64), Verdict>, Failure> {
    let column = |name: &str| {
        let bug = || Error::new(ErrorKind::Bug, format!("rejects lack column `{name}`"));
        rejects.column_by_name(name).ok_or_else(bug)
    };
    let partitions = column(system::PARTITION)?.as_primitive::<Int32Type>();
    let offsets = column(system::OFFSET)?.as_primitive::<Int64Type>();
    let reasons = column("reason")?.as_string::<i32>();
    let fields = column("field")?.as_string::<i32>();
    let one = |row: usize| {
        let field = fields.is_valid(row).then(|| fields.value(row).to_owned());
        let verdict = Verdict { reason: reasons.value(row).to_owned(), field };
        ((partitions.value(row), offsets.value(row)), verdict)
    };
    Ok((0..rejects.num_rows()).map(one).collect())
}
