//! `huiliu audit`: chains of receipts walked, counted again, and exported.

mod recount;

use crate::cli::{AuditArgs, AuditCommand, AuditExportArgs, AuditVerifyArgs, Global};
use crate::commands::maintain::select;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_lake::audit::Audited;
use huiliu_model::{Error, ErrorKind};
use recount::InKafka;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// What the signature of a checkpoint is made over, before its content.
const LABEL: &str = "huiliu audit checkpoint 1\n";

/// The chains of a lake at one moment.
#[derive(Debug, Serialize, Deserialize)]
struct Checkpoint {
    format_version: String,
    lake: String,
    at_us: i64,
    tables: Vec<Head>,
    /// HMAC-SM3 of everything above under a key derived from `keys.token`; null without keys.
    hmac_sm3: Option<String>,
}

/// The newest receipt of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    table: String,
    version: i64,
    sm3: String,
    committed_at_ms: i64,
}

impl Checkpoint {
    fn signed_text(&self) -> Result<Vec<u8>, Error> {
        let content = (&self.format_version, &self.lake, self.at_us, &self.tables);
        let json = serde_json::to_vec(&content)
            .map_err(|e| Error::new(ErrorKind::Bug, "a checkpoint is no JSON").because(e))?;
        Ok([LABEL.as_bytes(), &json].concat())
    }
}

#[derive(Debug, Serialize)]
struct Report {
    adds_up: bool,
    tables: Vec<TableLine>,
}

#[derive(Debug, Serialize)]
struct TableLine {
    table: String,
    /// First version with a link; null when the chain has not begun.
    chain_begins: Option<i64>,
    /// Versions before are in the ledger only, or gone.
    log_begins: i64,
    newest: i64,
    links: u64,
    offsets: u64,
    receipts_recounted: u64,
    receipts_not_recounted: u64,
    why_not_recounted: Option<&'static str>,
    /// Null where Kafka was not asked.
    kafka: Option<InKafka>,
    fault: Option<FaultLine>,
}

#[derive(Debug, Serialize)]
struct FaultLine {
    version: i64,
    what: String,
}

impl TableLine {
    fn of(found: Audited, kafka: Option<InKafka>) -> Self {
        let chain = found.chain;
        let fault = chain.fault.map(|f| FaultLine { version: f.version, what: f.what });
        Self {
            table: chain.table,
            chain_begins: chain.begins,
            log_begins: chain.log_begins,
            newest: chain.newest,
            links: chain.links,
            offsets: found.offsets,
            receipts_recounted: found.recounted,
            receipts_not_recounted: found.not_recounted,
            why_not_recounted: found.why_not,
            kafka,
            fault,
        }
    }
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = [
            ("table", Align::Left),
            ("chain from", Align::Right),
            ("newest", Align::Right),
            ("links", Align::Right),
            ("offsets", Align::Right),
            ("receipts counted again", Align::Right),
            ("not counted", Align::Right),
            ("counted in Kafka", Align::Right),
            ("found", Align::Left),
        ];
        let mut table =
            Table::new(columns.map(|(name, align)| (name.to_owned(), align))).fit(terminal_width());
        for line in &self.tables {
            let found = match &line.fault {
                None => "adds up".to_owned(),
                Some(fault) => format!("version {}", fault.version),
            };
            table.push([
                Some(line.table.clone()),
                line.chain_begins.map(|version| version.to_string()),
                Some(line.newest.to_string()),
                Some(line.links.to_string()),
                Some(line.offsets.to_string()),
                Some(line.receipts_recounted.to_string()),
                Some(line.receipts_not_recounted.to_string()),
                line.kafka.as_ref().map(|kafka| kafka.receipts_recounted.to_string()),
                Some(found),
            ]);
        }
        let mut out = out;
        table.print(&mut out)
    }
}

/// Verifies or exports.
///
/// # Errors
/// 65 with the first thing that does not add up; otherwise as the lake answers.
pub fn execute(args: &AuditArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    runtime()?.block_on(async {
        match &args.command {
            AuditCommand::Verify(args) => verify(args, &installation, console).await,
            AuditCommand::Export(args) => export(args, &installation, console).await,
        }
    })
}

async fn verify(
    args: &AuditVerifyArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    let kafka = args.kafka.then(|| installation.kafka()).transpose()?;
    let lake = installation.existing_lake().await?;
    let targets = select(&lake, &args.tables).await?;
    let heads = match &args.checkpoint {
        Some(file) => read(file, installation)?.tables,
        None => Vec::new(),
    };
    let mut report = Report { adds_up: true, tables: Vec::new() };
    for target in &targets {
        let head = heads.iter().find(|head| head.table == target.name);
        let through = head.map(|head| (head.version, head.sm3.as_str()));
        let mut found = lake.audit(target, through).await?;
        let receipts = std::mem::take(&mut found.receipts);
        let in_kafka = match &kafka {
            Some(kafka) if found.chain.fault.is_none() && !receipts.is_empty() => {
                Some(recount::in_kafka(kafka, &mut found, receipts, console).await?)
            }
            _ => None,
        };
        report.tables.push(TableLine::of(found, in_kafka));
    }
    let named =
        |head: &&Head| args.tables.is_empty() && !targets.iter().any(|t| t.name == head.table);
    let gone = heads.iter().find(named).map(|head| head.table.clone());
    report.adds_up = gone.is_none() && report.tables.iter().all(|line| line.fault.is_none());
    answer(args.output.form, &report)?;
    let first = report.tables.iter().find_map(|line| Some((&line.table, line.fault.as_ref()?)));
    let message = match (first, gone) {
        (Some((table, fault)), _) => {
            format!("table `{table}`, version {}: {}", fault.version, fault.what)
        }
        (None, Some(table)) => format!("table `{table}` of the checkpoint is gone"),
        (None, None) => return Ok(()),
    };
    Err(Error::new(ErrorKind::Contract, message)
        .help("keep the lake as it is and compare it with a copy; see docs/audit.md")
        .into())
}

/// A checkpoint whose signature holds, if it has one.
fn read(file: &Path, installation: &Installation) -> Result<Checkpoint, Failure> {
    let invalid = |what: &str| {
        Error::new(ErrorKind::Invalid, format!("`{}` {what}", file.display()))
            .help("name a file that `huiliu audit export` wrote")
    };
    let text = std::fs::read(file).map_err(|e| invalid("cannot be read").because(e))?;
    let checkpoint: Checkpoint =
        serde_json::from_slice(&text).map_err(|e| invalid("is no checkpoint").because(e))?;
    if let Some(said) = &checkpoint.hmac_sm3 {
        let keys = installation.crypto()?;
        let signed = keys.digest(&checkpoint.signed_text()?);
        if signed.as_str() != said {
            let text = format!("the signature of `{}` does not hold", file.display());
            return Err(Error::new(ErrorKind::Contract, text)
                .help("the file was changed, or signed with another key")
                .into());
        }
    }
    Ok(checkpoint)
}

async fn export(
    args: &AuditExportArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    let lake = installation.existing_lake().await?;
    let mut tables = Vec::new();
    for target in lake.maintained().await? {
        let chain = lake.chain(&target).await?;
        if let Some(fault) = chain.fault {
            let text =
                format!("table `{}`, version {}: {}", chain.table, fault.version, fault.what);
            return Err(Error::new(ErrorKind::Contract, text)
                .help("a chain that does not add up is not exported")
                .into());
        }
        let (version, committed_at_ms) = (chain.newest, chain.committed_at_ms);
        tables.push(Head { table: chain.table, version, sm3: chain.digest, committed_at_ms });
    }
    let mut checkpoint = Checkpoint {
        format_version: "1.0".to_owned(),
        lake: lake.location().to_owned(),
        at_us: clock().now_us(),
        tables,
        hmac_sm3: None,
    };
    if installation.settings.keys.is_some() {
        let signed = installation.crypto()?.digest(&checkpoint.signed_text()?);
        checkpoint.hmac_sm3 = Some(signed.as_str().to_owned());
    }
    let mut out = File::create_new(&args.file)?;
    serde_json::to_writer_pretty(&mut out, &checkpoint).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    out.sync_all()?;
    let how =
        if checkpoint.hmac_sm3.is_some() { "signed" } else { "not signed: there are no keys" };
    console.say(format!("{} tables, {how}", checkpoint.tables.len()));
    Ok(())
}
