//! `huiliu quarantine replay`: rejects judged again by today's contract and rules.

use super::desk::{Desk, actor};
use super::job::{Job, Patches};
use crate::cli::ReplayArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::Installation;
use crate::output::answer;
use huiliu_lake::quarantine::Action;

/// Replays what is selected.
///
/// # Errors
/// As the lake answers. Records that fail again are no error: they stay where they are.
pub async fn execute(
    args: &ReplayArgs,
    installation: &Installation,
    console: &Console,
) -> Result<(), Failure> {
    let filter = &args.filter;
    let narrowed = !filter.reasons.is_empty()
        || [&filter.field, &filter.department, &filter.since].into_iter().any(Option::is_some);
    if !args.all && !narrowed && args.coordinates.is_empty() {
        return Err(Failure::usage("say which rejects are meant")
            .help("give PARTITION:OFFSET, --reason, --field, --department or --since, or --all"));
    }
    let actor = actor(args.actor.name.as_deref())?;
    let desk = Desk::to_write(installation, &args.dataset).await?;
    let selection = desk.selection(filter, &args.coordinates)?;
    let job = Job {
        desk: &desk,
        action: Action::Replay,
        actor,
        note: args.actor.note.clone(),
        dry_run: args.dry_run,
        patches: Patches::new(),
    };
    let report = job.run(&selection).await?;
    if report.records.is_empty() {
        console.say("no open reject is selected; `huiliu quarantine list` counts them");
    }
    answer(args.output.form, &report)
}
