//! `huiliu init`: a new project, or a pipeline file proposed from sample records.
//!
//! A proposal is held against the sample before it is written: the project's reader has to accept
//! it, and the rooms of ingestion (decode, cast, judge) say how many cells pass.

mod project;
mod report;
mod sample;

use crate::cli::{FileFormat, Global, GroupName, InitArgs, TextEncoding};
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{clock, settings};
use crate::output::answer;
use huiliu_decode::{Limits, PlainRows};
use huiliu_files::{Ask, Encoding, Kind, Meter, STANDARD_INPUT, examine, first_rows};
use huiliu_ingest::Pipeline;
use huiliu_model::contract::Group;
use huiliu_model::{Contract, Error, ErrorKind, Op};
use huiliu_normalise::{Prepared, Protection};
use huiliu_spec::{Project, Sources};
use report::Report;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Makes a project's folder, or writes a proposed pipeline file.
///
/// # Errors
/// Usage for a file that is there; 65 for a sample without a row; what cannot be written.
pub fn execute(args: &InitArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    match (&args.from_sample, &args.dir) {
        (Some(path), _) => propose(path, args, global),
        (None, Some(dir)) => project::make(dir, args.force, console),
        (None, None) => Err(Failure::usage("name a folder, or a sample with --from-sample")),
    }
}

fn propose(path: &Path, args: &InitArgs, global: &Global) -> Result<(), Failure> {
    if path.as_os_str() == STANDARD_INPUT {
        return Err(Failure::usage("a sample is read twice, standard input only once")
            .help("write it to a file first"));
    }
    let settings = settings(global)?;
    let ask = Ask {
        path: path.to_owned(),
        kind: args.format.map(kind),
        encoding: args.encoding.map(encoding),
        row_bytes_max: settings.limits.record_bytes_max,
    };
    let row_count_max = usize::try_from(args.rows).unwrap_or(usize::MAX);
    let taken = sample::take(&ask, row_count_max)?;
    let group = group(args);
    let dataset = dataset(args, path, taken.dataset.as_deref())?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => settings.pipelines.join(group.label()).join(format!("{dataset}.yaml")),
    };
    if out.exists() && !args.force {
        return Err(Failure::usage(format!("`{}` is there already", out.display()))
            .help("write elsewhere with --out, or over it with --force"));
    }
    let title = args.title.clone().or_else(|| chinese(path));
    let asked = huiliu_propose::Ask { dataset, title, group, format: taken.format };
    let Some(proposal) = huiliu_propose::propose(&taken.sample, asked) else {
        return Err(no_column(path));
    };
    let text = proposal.to_yaml();
    let contract = contract(&out, &text)?;
    let prepared = rehearse(&ask, &contract, row_count_max)?;
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|e| Failure::file("cannot make the folder", parent, e))?;
    }
    std::fs::write(&out, text).map_err(|e| Failure::file("cannot write the file", &out, e))?;
    let report = Report::new(path, &out, taken.shown, &proposal, &prepared);
    answer(args.output.form, &report)
}

/// The contract that the proposed text is.
fn contract(out: &Path, text: &str) -> Result<Arc<Contract>, Failure> {
    let sources =
        Sources { pipelines: vec![(out.to_owned(), text.to_owned())], ..Sources::default() };
    let project = Project::from_sources(&sources).map_err(Failure::Findings)?;
    let contract = project.contracts.into_iter().next();
    contract.ok_or_else(|| Error::new(ErrorKind::Bug, "the proposal has no contract").into())
}

/// The sample through the rooms of ingestion, under the proposed contract; nothing is written.
fn rehearse(ask: &Ask, contract: &Arc<Contract>, rows: usize) -> Result<Prepared, Failure> {
    let (meter, never) = (Arc::new(Meter::default()), CancellationToken::new());
    let Some(delivery) = examine(ask, contract, &meter, &never)? else {
        return Err(Error::new(ErrorKind::Bug, "the sample was not read").into());
    };
    let own = Arc::new(delivery.contract(contract));
    let records = first_rows(&delivery, &own, rows)?;
    let read = PlainRows { op: Op::Read, seq: Some(0), event_time_us: None };
    let pipeline = Pipeline::new(own, Limits::default(), Arc::new(Protection::Plain))?;
    Ok(pipeline.taking_rows_as(read).prepare(&records, clock().now_us()))
}

/// The name that was given, that in the records, or that of the file.
fn dataset(args: &InitArgs, path: &Path, found: Option<&str>) -> Result<String, Failure> {
    let stem = args.out.as_deref().unwrap_or(path).file_stem();
    let stem = stem.map(|stem| stem.to_string_lossy().into_owned());
    let given = args.dataset.as_deref().or(found).or(stem.as_deref()).unwrap_or_default();
    let is_name = given.starts_with(|c: char| c.is_ascii_lowercase())
        && given.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_name {
        return Ok(given.to_owned());
    }
    Err(Failure::usage(format!("`{given}` is no name of a dataset"))
        .help("give one with --dataset: lower-case letters, digits and _"))
}

/// The name of a file that is Chinese names its dataset.
fn chinese(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    (!stem.is_ascii()).then_some(stem)
}

fn no_column(path: &Path) -> Failure {
    let why = format!("`{}` has no field that a column can be made of", path.display());
    let help = "JSON needs flat objects whose names are [a-z][a-z0-9_]*; CSV needs a header";
    Error::new(ErrorKind::Contract, why).help(help).into()
}

/// The group that was given, or that of the folder the file goes to.
fn group(args: &InitArgs) -> Group {
    let parent = args.out.as_deref().and_then(Path::parent).and_then(Path::file_name);
    match (args.group, parent.and_then(|name| name.to_str())) {
        (Some(GroupName::Base), _) | (None, Some("base")) => Group::Base,
        (Some(GroupName::Feed), _) | (None, Some("feed")) => Group::Feed,
        _ => Group::Pool,
    }
}

fn kind(format: FileFormat) -> Kind {
    match format {
        FileFormat::Jsonl => Kind::JsonLines,
        FileFormat::Csv => Kind::Csv,
        FileFormat::Parquet => Kind::Parquet,
    }
}

fn encoding(encoding: TextEncoding) -> Encoding {
    match encoding {
        TextEncoding::Utf8 => Encoding::Utf8,
        TextEncoding::Gb18030 => Encoding::Gb18030,
    }
}
