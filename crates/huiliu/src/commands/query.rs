//! `huiliu query`: one SELECT over the lake, in the form asked for.

use crate::cli::{Global, QueryArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, off, runtime};
use crate::output::{Format, Rows, terminal_width};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use huiliu_lake::frugal;
use huiliu_model::{Error, ErrorKind, code};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::sync::Arc;

/// Rows of a text table unless told otherwise.
const TEXT_ROWS: usize = 100;

/// Runs one query and prints its rows.
///
/// # Errors
/// 1 for a query that does not plan or fails; otherwise as the lake answers.
pub fn execute(args: &QueryArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let sql = text(&args.sql)?;
    if args.output == Format::Parquet && args.to.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage("parquet is not for a terminal")
            .help("write it to a file with --to FILE"));
    }
    let installation = Installation::load(global)?;
    let asked = runtime()?.block_on(async {
        let lake = installation.existing_lake().await?;
        let memory_bytes = installation.memory().alone_bytes();
        let ctx = installation.query_session(&lake, memory_bytes).await?;
        let begun = begin_within(&ctx, &sql, memory_bytes).await?;
        match &args.to {
            None => print(begun, args, io::stdout(), terminal_width(), console).await,
            Some(path) => {
                let file = File::create(path)
                    .map_err(|e| Failure::file("cannot write the file", path, e))?;
                print(begun, args, file, None, console).await?;
                console.say(format!("written to {}", path.display()));
                Ok(())
            }
        }
    });
    asked.map_err(|failure| explained(failure, &sql, &installation))
}

/// Tables of a subject that is off are not there to be asked: says so.
fn explained(failure: Failure, sql: &str, installation: &Installation) -> Failure {
    let sql = sql.to_lowercase();
    let is_named = |subject: &str| {
        let quoted = format!("\"{subject}\".");
        sql.contains(&format!("{subject}.")) || sql.contains(&quoted)
    };
    match installation.project.off.iter().find(|(subject, _)| is_named(subject)) {
        Some((subject, why)) if matches!(failure, Failure::Failed { .. }) => {
            let (message, how) = off(subject, why);
            Failure::Failed { message, help: Some(how) }
        }
        _ => failure,
    }
}

/// Shows the rows of a query as a text table, for verbs that end with one.
///
/// # Errors
/// As [`execute`].
pub async fn show(ctx: &SessionContext, sql: &str, out: impl Write + Send) -> Result<(), Failure> {
    let batches = collect(ctx, sql).await?;
    let schema = batches.first().map(|b| b.schema());
    let Some(schema) = schema else { return Ok(()) };
    let mut rows = Rows::begin(Format::Text, &schema, out, terminal_width())?;
    for batch in &batches {
        rows.write(batch)?;
    }
    rows.finish()
}

/// The rows of a query.
///
/// # Errors
/// As [`execute`].
pub async fn collect(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, Failure> {
    let frame = ctx.sql_with_options(sql, reading()).await.map_err(failed)?;
    frame.collect().await.map_err(failed)
}

/// A query of which the first rows are there.
struct Begun {
    schema: SchemaRef,
    first: Option<RecordBatch>,
    rest: SendableRecordBatchStream,
}

async fn begin(ctx: &SessionContext, sql: &str) -> Result<Begun, DataFusionError> {
    let frame = ctx.sql_with_options(sql, reading()).await?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let mut rest = frame.execute_stream().await?;
    let first = rest.next().await.transpose()?;
    Ok(Begun { schema, first, rest })
}

/// Begins a query; once more with less, where memory runs out before there are rows.
async fn begin_within(
    ctx: &SessionContext,
    sql: &str,
    memory_bytes: usize,
) -> Result<Begun, Failure> {
    match begin(ctx, sql).await {
        Err(error) if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) => {
            tracing::debug!(%error, "asking once more with sorts that spill early");
            begin(&frugal(ctx, memory_bytes)?, sql).await.map_err(failed)
        }
        done => done.map_err(failed),
    }
}

async fn print(
    mut begun: Begun,
    args: &QueryArgs,
    out: impl Write + Send,
    width: Option<usize>,
    console: &Console,
) -> Result<(), Failure> {
    let limit = match (args.max_rows, args.output) {
        (Some(0), _) | (None, Format::Json | Format::Ndjson | Format::Csv | Format::Parquet) => {
            usize::MAX
        }
        (Some(rows), _) => rows,
        (None, Format::Text) => TEXT_ROWS,
    };
    let mut rows = Rows::begin(args.output, &begun.schema, BufWriter::new(out), width)?;
    let mut left = limit;
    let mut next = begun.first.take();
    while let Some(batch) = next {
        let shown = batch.num_rows().min(left);
        rows.write(&batch.slice(0, shown))?;
        left -= shown;
        if shown < batch.num_rows() {
            rows.finish()?;
            console.say(format!("{limit} rows are shown; --max-rows 0 shows all"));
            return Ok(());
        }
        next = begun.rest.next().await.transpose().map_err(failed)?;
    }
    rows.finish()
}

fn text(argument: &str) -> Result<String, Failure> {
    let mut sql = argument.to_owned();
    if argument == "-" {
        sql.clear();
        io::stdin().lock().read_to_string(&mut sql)?;
    }
    if sql.trim().is_empty() {
        return Err(Failure::usage("the query is empty"));
    }
    Ok(sql)
}

/// A lake is written by ingest, fold and refresh only.
fn reading() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(true)
}

fn failed(error: DataFusionError) -> Failure {
    let help = "tables: changes.*, current.*, quarantine.*, deleted.* and the subject databases; \
                `SELECT table_schema, table_name FROM information_schema.tables` names them";
    if let Some(words) = huiliu_lake::spilling(&error) {
        return Error::new(ErrorKind::Unavailable, format!("the query was stopped: {words}"))
            .coded(code::NO_ROOM)
            .help("raise `temporary.limit` in huiliu.yaml, make room in TMPDIR, or ask for less")
            .because(error)
            .into();
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(why) => {
            let why = why.clone();
            Error::new(ErrorKind::Unavailable, format!("the query needs more memory: {why}"))
                .help("raise `memory.limit` in huiliu.yaml, or ask for less")
                .into()
        }
        DataFusionError::ObjectStore(_) => {
            Error::new(ErrorKind::Unavailable, "the lake could not be read").because(error).into()
        }
        DataFusionError::Internal(_) => {
            Error::new(ErrorKind::Bug, "the query engine failed").because(error).into()
        }
        _ => {
            Failure::Failed { message: told(&error.strip_backtrace()), help: Some(help.to_owned()) }
        }
    }
}

/// The engine's text without the name of the part that says it.
fn told(text: &str) -> String {
    text.strip_prefix("Error during planning: ").unwrap_or(text).to_owned()
}
