//! `huiliu quarantine repair`: new values for the fields of one record, by hand or by look-up.

use super::desk::{Desk, actor, not_found};
use super::job::{Change, Job, Patches};
use super::look_up;
use crate::cli::RepairArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::output::answer;
use huiliu_ingest::Image;
use huiliu_lake::quarantine::{Action, Coordinate, Selection, State};
use huiliu_model::{Error, ErrorKind};

/// Repairs one record, or by look-up all that it can.
///
/// # Errors
/// 65 when the one record fails again; otherwise as the lake answers.
pub async fn execute(
    args: &RepairArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    let actor = actor(args.actor.name.as_deref())?;
    let desk = Desk::to_write(installation, &args.dataset).await?;
    let patches = match &args.coordinate {
        Some(coordinate) => by_hand(&desk, coordinate, &args.set).await?,
        None => look_up::patches(&desk, installation, console).await?,
    };
    let coordinates: Vec<Coordinate> = patches.keys().cloned().collect();
    let job = Job {
        desk: &desk,
        action: Action::Repair,
        actor,
        note: args.actor.note.clone(),
        dry_run: args.dry_run,
        patches,
    };
    let selection = Selection { coordinates: Some(coordinates), ..Selection::default() };
    let report = job.run(&selection).await?;
    answer(args.output.form, &report)?;
    match &report.records[..] {
        [line] if args.coordinate.is_some() && line.outcome != "accepted" => {
            let why = line.reason_after.as_deref().unwrap_or(line.outcome);
            let text = format!("the record at {} fails again: {why}", line.coordinate);
            Err(Error::new(ErrorKind::Contract, text)
                .help("it stays in quarantine; `huiliu quarantine show` says what is expected")
                .into())
        }
        _ => Ok(()),
    }
}

async fn by_hand(desk: &Desk, named: &str, set: &[(String, String)]) -> Result<Patches, Failure> {
    let coordinate = desk.coordinate(named)?;
    let mut changes = Vec::with_capacity(set.len());
    for (name, value) in set {
        let (image, name) = match name.strip_prefix("before.") {
            Some(name) => (Some(Image::Before), name),
            None => (None, name.as_str()),
        };
        let (column, _) = desk.column(name)?;
        let value = Some(value.clone()).filter(|v| !v.is_empty());
        changes.push(Change { column, image, value });
    }
    let rejects = desk.lake.rejects(desk.dataset()).await?;
    let coordinates = Some(vec![coordinate.clone()]);
    let found = rejects.list(&Selection { coordinates, ..Selection::default() }).await?;
    let Some(found) = found.first() else {
        return Err(not_found(desk, &[named.to_owned()]));
    };
    match found.state {
        State::Open => Ok([(coordinate, changes)].into()),
        state => {
            let text = format!("the reject at {named} is {}", state.label());
            Err(Error::new(ErrorKind::Invalid, text)
                .help("`huiliu quarantine show` says by whom and when")
                .into())
        }
    }
}
