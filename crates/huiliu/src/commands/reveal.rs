//! `huiliu reveal`: the encrypted values of one row, for those who hold the key.
//!
//! Who, what and why is in `ledger.repairs` before the value is on the terminal: when the ledger
//! cannot be written, nothing is shown. The ledger never holds the value.

use super::quarantine::{Desk, actor, require_text};
use crate::cli::{Global, RevealArgs};
use crate::commands::query;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::{Form, answer};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use huiliu_lake::quarantine::{Action, Entry, Outcome};
use huiliu_model::contract::{Protect, Rule};
use huiliu_model::{Column, Error, ErrorKind, system};
use huiliu_normalise::{Crypto, rule};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Memory that it takes, where the process may have twice as much.
const MEMORY_BYTES: usize = 1 << 30;

#[derive(Debug, Serialize)]
struct Revealed {
    dataset: String,
    /// By column; null when the row has no value there.
    values: BTreeMap<String, Option<String>>,
}

impl Form for Revealed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (column, value) in &self.values {
            let value = value.as_ref().map_or("∅".to_owned(), |v| v.escape_debug().to_string());
            writeln!(out, "{column}  {value}")?;
        }
        Ok(())
    }
}

/// Shows values in the clear.
///
/// # Errors
/// `Denied` without keys; usage without a purpose or for a column that is not encrypted; 1 when
/// there is no such row; otherwise as the lake answers.
pub fn execute(args: &RevealArgs, global: &Global) -> Result<(), Failure> {
    require_text("--purpose", &args.purpose)?;
    let actor = actor(args.name.as_deref())?;
    let installation = Installation::load(global)?;
    runtime()?.block_on(async {
        let desk = Desk::to_write(&installation, &args.dataset).await?;
        let crypto = desk.crypto.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Denied, "this installation has no keys to reveal values with")
                .help("say `protection: keys` and configure `keys`; a plain lake encrypts nothing")
        })?;
        let columns = columns(&desk, &args.columns)?;
        let row = row(&desk, crypto, &args.key, &columns).await?;
        let mut values = BTreeMap::new();
        for column in &columns {
            values.insert(column.name.clone(), value(&desk, crypto, &row, column)?);
        }
        let entries: Result<Vec<Entry>, Failure> = columns
            .iter()
            .map(|column| entry(&desk, &row, column, &actor, &args.purpose))
            .collect();
        desk.lake.note_repairs(desk.dataset(), &entries?).await?;
        answer(args.output.form, &Revealed { dataset: desk.dataset().to_owned(), values })
    })
}

fn is_encrypted(column: &Column) -> bool {
    matches!(column.protect, Protect::Token { .. } | Protect::Encrypt)
}

/// The columns that are asked for, or all that are encrypted.
fn columns<'a>(desk: &'a Desk, names: &[String]) -> Result<Vec<&'a Column>, Failure> {
    let all = || desk.contract.columns.iter().filter(|c| is_encrypted(c));
    if names.is_empty() {
        return Ok(all().collect());
    }
    let one = |name: &String| {
        let (_, column) = desk.column(name)?;
        if is_encrypted(column) {
            return Ok(column);
        }
        let known: Vec<&str> = all().map(|c| c.name.as_str()).collect();
        Err(Failure::usage(format!("column `{name}` is not encrypted"))
            .help(format!("encrypted are {}", known.join(", "))))
    };
    names.iter().map(one).collect()
}

/// The one row of a key, which is given in the clear.
async fn row(
    desk: &Desk,
    crypto: &Crypto,
    key: &[(String, String)],
    columns: &[&Column],
) -> Result<RecordBatch, Failure> {
    let given: BTreeMap<&str, &str> =
        key.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let names = desk.contract.key_names();
    if given.len() != names.len() || names.iter().any(|name| !given.contains_key(name)) {
        return Err(Failure::usage("--key has to name every column of the key once")
            .help(format!("the key of {} is {}", desk.dataset(), names.join(", "))));
    }
    let conditions = names.iter().map(|name| {
        let (_, column) = desk.column(name)?;
        Ok(condition(crypto, column, given[name]))
    });
    let conditions: Vec<String> = conditions.collect::<Result<_, Failure>>()?;
    let place = [system::KAFKA_TOPIC, system::PARTITION, system::OFFSET];
    let mut wanted: Vec<String> = place.map(str::to_owned).into();
    for column in columns {
        wanted.push(format!("\"{}_enc\"", column.name));
        if matches!(column.protect, Protect::Token { .. }) {
            wanted.push(format!("\"{}\"", column.name));
        }
    }
    let sql = format!(
        "SELECT {} FROM current.\"{}\" WHERE {}",
        wanted.join(", "),
        desk.dataset(),
        conditions.join(" AND ")
    );
    let ctx = desk.lake.query_session(&[], MEMORY_BYTES).await?;
    let found = query::collect(&ctx, &sql).await?;
    found.into_iter().find(|batch| batch.num_rows() > 0).ok_or_else(|| Failure::Failed {
        message: format!("current.{} has no row of this key", desk.dataset()),
        help: Some("keys are compared after the rules of their columns".to_owned()),
    })
}

/// That a key column is the value, as the table stores it: itself, or its token.
fn condition(crypto: &Crypto, column: &Column, value: &str) -> String {
    let named = column.rules.iter().find_map(|rule| match rule {
        Rule::Named(named) => Some(*named),
        _ => None,
    });
    let outcome = named.map(|named| rule::apply(named, value, &rule::Context::default()));
    let value = outcome.as_ref().and_then(|o| o.text()).unwrap_or(value);
    let quoted = value.replace('\'', "''");
    let itself = format!("CAST(\"{}\" AS VARCHAR) = '{quoted}'", column.name);
    match &column.protect {
        Protect::Token { kind, .. } => {
            let token = crypto.tokeniser(kind).token(value);
            format!("({itself} OR \"{}\" = '{}')", column.name, token.as_str())
        }
        _ => itself,
    }
}

fn value(
    desk: &Desk,
    crypto: &Crypto,
    row: &RecordBatch,
    column: &Column,
) -> Result<Option<String>, Failure> {
    let name = format!("{}_enc", column.name);
    let sealed = row.column_by_name(&name).and_then(|c| c.as_binary_opt::<i32>());
    let sealed = sealed.ok_or_else(|| lacks(&name))?;
    if sealed.is_valid(0) {
        let plain = crypto.open(desk.dataset(), &column.name, sealed.value(0))?;
        return Ok(Some(String::from_utf8_lossy(&plain).into_owned()));
    }
    // A unified social credit code is public and may stand in the place of its token.
    let kept = row.column_by_name(&column.name).and_then(|c| c.as_string_opt::<i32>());
    Ok(kept.filter(|c| c.is_valid(0)).map(|c| c.value(0).to_owned()))
}

fn entry(
    desk: &Desk,
    row: &RecordBatch,
    column: &Column,
    actor: &str,
    purpose: &str,
) -> Result<Entry, Failure> {
    let topic = row.column_by_name(system::KAFKA_TOPIC).and_then(|c| c.as_string_opt::<i32>());
    let topic = topic.ok_or_else(|| lacks(system::KAFKA_TOPIC))?.iter().next().flatten();
    let partition = row.column_by_name(system::PARTITION);
    let partition = partition.and_then(|c| c.as_primitive_opt::<Int32Type>());
    let offset = row.column_by_name(system::OFFSET);
    let offset = offset.and_then(|c| c.as_primitive_opt::<Int64Type>());
    Ok(Entry {
        at_us: desk.clock.now_us(),
        // Of a row that was written before rows named it, all that the dataset reads.
        kafka_topic: topic.unwrap_or(desk.contract.kafka_topics.text()).to_owned(),
        partition: partition.ok_or_else(|| lacks(system::PARTITION))?.value(0),
        offset: offset.ok_or_else(|| lacks(system::OFFSET))?.value(0),
        action: Action::Reveal,
        outcome: Outcome::Accepted,
        reason_before: None,
        reason_after: None,
        field: Some(column.name.clone()),
        value_before: None,
        value_after: None,
        raw_sm3: None,
        contract_sm3: None,
        changes_version: None,
        actor: actor.to_owned(),
        note: Some(purpose.to_owned()),
    })
}

fn lacks(column: &str) -> Error {
    Error::new(ErrorKind::Bug, format!("the row lacks column `{column}`"))
}
