//! `huiliu quarantine show`: why a record failed, and what may be seen of it.
//!
//! Values are masked by grade. Of bytes that do not decode only the structure is shown. With
//! `--reveal` values are in the clear, and the ledger has it before the terminal does.

use super::desk::{Desk, actor, instant, not_found, portion, require_text};
use super::words;
use crate::cli::ShowArgs;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_ingest::Image;
use huiliu_lake::quarantine::{Action, Entry, Outcome, Selection, State, StoredReject};
use huiliu_model::contract::Rule;
use huiliu_normalise::{disclose, rule};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct Shown {
    dataset: String,
    rejects: Vec<Reject>,
}

#[derive(Debug, Serialize)]
struct Reject {
    coordinate: String,
    kafka_topic: String,
    partition: i32,
    offset: i64,
    state: &'static str,
    department: Option<String>,
    kafka_time: String,
    rejected_at: String,
    stage: String,
    reason: String,
    reason_zh: &'static str,
    reason_en: &'static str,
    field: Option<String>,
    rule: Option<String>,
    expects: Option<String>,
    remedy_zh: &'static str,
    remedy_en: &'static str,
    at_byte: Option<i64>,
    raw_bytes: i64,
    raw_sm3: Option<String>,
    /// Fields of the record; absent when it does not decode or cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field>>,
    /// Of a record that does not decode.
    #[serde(skip_serializing_if = "Option::is_none")]
    structure: Option<String>,
    /// The record in the clear, when it was asked for and does not decode.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    /// Why nothing of the record can be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    repairs: Vec<Repair>,
}

#[derive(Debug, Serialize)]
struct Field {
    image: &'static str,
    field: String,
    title: String,
    value: Option<String>,
    failed: bool,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<String>,
}

#[derive(Debug, Serialize)]
struct Repair {
    at: String,
    action: &'static str,
    outcome: &'static str,
    reason_after: Option<String>,
    field: Option<String>,
    actor: String,
    note: Option<String>,
}

impl Form for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.rejects.is_empty() {
            return writeln!(out, "quarantine.{} has no open reject", self.dataset);
        }
        self.rejects.iter().try_for_each(|reject| reject.text(out))
    }
}

impl Reject {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = out;
        writeln!(out, "── {} ({}) ──", self.coordinate, self.state)?;
        let place = self.field.as_ref().map_or_else(String::new, |f| format!(", field `{f}`"));
        writeln!(
            out,
            "failed     {}: {}{place} ({})",
            self.reason, self.reason_en, self.reason_zh
        )?;
        if let (Some(rule), Some(expects)) = (&self.rule, &self.expects) {
            writeln!(out, "rule       {rule}: expects {expects}")?;
        }
        if let Some(at) = self.at_byte {
            writeln!(out, "at byte    {at} of {}", self.raw_bytes)?;
        }
        writeln!(out, "to do      {} ({})", self.remedy_en, self.remedy_zh)?;
        let (sent, rejected) = (&self.kafka_time, &self.rejected_at);
        writeln!(
            out,
            "record     {} partition {} offset {}, sent {sent}, rejected {rejected}",
            self.kafka_topic, self.partition, self.offset
        )?;
        if let Some(department) = &self.department {
            writeln!(out, "department {department}")?;
        }
        if let Some(digest) = &self.raw_sm3 {
            writeln!(out, "sm3        {digest}")?;
        }
        if let Some(why) = &self.unreadable {
            writeln!(out, "unreadable {why}")?;
        }
        if let Some(structure) = &self.structure {
            writeln!(out, "structure  {structure}")?;
        }
        if let Some(raw) = &self.raw {
            writeln!(out, "in clear   {}", raw.escape_debug())?;
        }
        if let Some(fields) = &self.fields {
            writeln!(out)?;
            let heads = ["", "field", "value", "title"];
            let mut table = Table::new(heads.map(|name| (name.to_owned(), Align::Left)))
                .cell_width_max(60)
                .fit(terminal_width());
            for field in fields {
                let value = match (&field.value, &field.suggestion) {
                    (Some(value), Some(meant)) => Some(format!("{value} (meant {meant}?)")),
                    (value, _) => value.clone(),
                };
                let name = match field.image {
                    "before" => format!("before.{}", field.field),
                    _ => field.field.clone(),
                };
                let mark = if field.failed { "✗" } else { "" };
                let cells = [Some(mark.to_owned()), Some(name), value, Some(field.title.clone())];
                table.push(cells);
            }
            table.print(&mut out)?;
        }
        for repair in &self.repairs {
            let after =
                repair.reason_after.as_ref().map_or_else(String::new, |r| format!(" ({r})"));
            let note = repair.note.as_ref().map_or_else(String::new, |n| format!(": {n}"));
            let (at, action, outcome) = (&repair.at, repair.action, repair.outcome);
            writeln!(out, "{at}  {action} {outcome}{after} by {}{note}", repair.actor)?;
        }
        writeln!(out)
    }
}

/// Shows records.
///
/// # Errors
/// Usage, for coordinates that hold no reject; otherwise as the lake answers.
pub async fn execute(args: &ShowArgs, installation: &Installation) -> Result<(), Failure> {
    let desk = match args.reveal {
        true => Desk::to_write(installation, &args.dataset).await?,
        false => Desk::to_read(installation, &args.dataset).await?,
    };
    let named = desk.selection(&args.filter, &args.coordinates)?;
    let state = Some(State::Open).filter(|_| named.coordinates.is_none());
    let selection = Selection { state, limit: Some(args.limit), ..named };
    let pinned = desk.lake.rejects(desk.dataset()).await?;
    let mut found = pinned.list(&selection).await?;
    if found.is_empty() && !args.coordinates.is_empty() {
        return Err(not_found(&desk, &args.coordinates));
    }
    let said = args.reveal.then(|| Said::of(args)).transpose()?;
    let mut rejects = Vec::with_capacity(found.len());
    while !found.is_empty() {
        let rest = found.split_off(portion(&found));
        let mut some = std::mem::replace(&mut found, rest);
        pinned.load_raw(&mut some).await?;
        if let Some(said) = &said {
            tell(&desk, said, &some).await?;
        }
        desk.look_up_schemas_to_show(&some).await;
        for reject in &some {
            let of_it = |e: &&Entry| e.coordinate() == reject.coordinate;
            let repairs = pinned.entries.iter().filter(of_it).map(repair).collect();
            rejects.push(one(&desk, reject, repairs, args.reveal));
        }
    }
    answer(args.output.form, &Shown { dataset: desk.dataset().to_owned(), rejects })
}

/// Who wants to see values in the clear, and what for.
struct Said {
    actor: String,
    note: String,
}

impl Said {
    fn of(args: &ShowArgs) -> Result<Self, Failure> {
        let purpose = args.purpose.clone().unwrap_or_default();
        require_text("--purpose", &purpose)?;
        let actor = actor(args.actor.name.as_deref())?;
        let note = match &args.actor.note {
            Some(note) => format!("{purpose}; {note}"),
            None => purpose,
        };
        Ok(Self { actor, note })
    }
}

/// Writes to the ledger who is going to see what.
async fn tell(desk: &Desk, said: &Said, found: &[StoredReject]) -> Result<(), Failure> {
    let entry = |reject: &StoredReject| Entry {
        at_us: desk.clock.now_us(),
        kafka_topic: reject.coordinate.partition.kafka_topic.to_string(),
        partition: reject.coordinate.partition.number,
        offset: reject.coordinate.offset,
        action: Action::Reveal,
        outcome: Outcome::Accepted,
        reason_before: Some(reject.reason.clone()),
        reason_after: None,
        field: None,
        value_before: None,
        value_after: None,
        raw_sm3: reject.digest(),
        contract_sm3: None,
        changes_version: None,
        actor: said.actor.clone(),
        note: Some(said.note.clone()),
    };
    let entries: Vec<Entry> = found.iter().map(entry).collect();
    Ok(desk.lake.note_repairs(desk.dataset(), &entries).await?)
}

fn one(desk: &Desk, reject: &StoredReject, repairs: Vec<Repair>, reveal: bool) -> Reject {
    let words = words::of(&reject.reason);
    let column = reject.field.as_ref().and_then(|name| desk.contract.column(name));
    let column = column.map(|(_, column)| column);
    let mut shown = Reject {
        coordinate: desk.name(&reject.coordinate),
        kafka_topic: reject.coordinate.partition.kafka_topic.to_string(),
        partition: reject.coordinate.partition.number,
        offset: reject.coordinate.offset,
        state: reject.state.label(),
        department: reject.department.clone(),
        kafka_time: instant(reject.kafka_time_us),
        rejected_at: instant(reject.ingest_time_us),
        stage: reject.stage.clone(),
        reason: reject.reason.clone(),
        reason_zh: words.zh,
        reason_en: words.en,
        field: reject.field.clone(),
        rule: reject.rule.clone(),
        expects: words::expects(&desk.contract, column, reject.rule.as_deref()),
        remedy_zh: words.remedy_zh,
        remedy_en: words.remedy_en,
        at_byte: reject.at_byte,
        raw_bytes: reject.raw_bytes,
        raw_sm3: reject.digest(),
        fields: None,
        structure: None,
        raw: None,
        unreadable: None,
        repairs,
    };
    let raw = match desk.open_raw(reject) {
        Ok(raw) => raw,
        Err(error) => {
            shown.unreadable = Some(error.message);
            return shown;
        }
    };
    let fields = fields(desk, reject, raw.clone(), reveal);
    if fields.is_empty() {
        let at = reject.at_byte.and_then(|at| usize::try_from(at).ok());
        shown.structure = Some(disclose::structure(&raw, at));
        shown.raw = reveal.then(|| String::from_utf8_lossy(&raw).into_owned());
    } else {
        shown.fields = Some(fields);
    }
    shown
}

/// The fields of a record that decodes; none of one that does not.
fn fields(desk: &Desk, reject: &StoredReject, raw: Vec<u8>, reveal: bool) -> Vec<Field> {
    let records = desk.records(&[(reject, raw)]);
    let decoded = desk.pipeline.decode(&records);
    let rows = decoded.changes.rows.len();
    let mut fields = Vec::new();
    for (image, label) in [(Image::Before, "before"), (Image::After, "after")] {
        for (index, column) in desk.contract.columns.iter().enumerate() {
            if !decoded.has_row(0, image) {
                continue;
            }
            let text = decoded.text(&records, 0, index, image);
            let value = text.as_ref().map(|text| match reveal {
                true => text.clone(),
                false => disclose::shown(column, text),
            });
            let failed = reject.field.as_deref() == Some(column.name.as_str());
            let named = column.rules.iter().find_map(|rule| match rule {
                Rule::Named(named) => Some(*named),
                _ => None,
            });
            let suggestion = match (failed, named, &text) {
                (true, Some(named), Some(text)) => {
                    rule::explain(named, text, &rule::Context::default()).suggestion
                }
                _ => None,
            };
            let masked = |text: String| match reveal {
                true => text,
                false => disclose::shown(column, &text),
            };
            fields.push(Field {
                // A record of one row has no image to tell from another.
                image: if rows > 1 { label } else { "" },
                field: column.name.clone(),
                title: column.title.clone(),
                value,
                failed,
                suggestion: suggestion.map(masked),
            });
        }
    }
    fields
}

fn repair(entry: &Entry) -> Repair {
    Repair {
        at: instant(entry.at_us),
        action: entry.action.label(),
        outcome: entry.outcome.label(),
        reason_after: entry.reason_after.clone(),
        field: entry.field.clone(),
        actor: entry.actor.clone(),
        note: entry.note.clone(),
    }
}
