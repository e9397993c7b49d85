//! Verbs: one module each. This one sends a parsed command to its verb.

mod apply;
mod audit;
mod bench;
mod completions;
mod config;
mod demo;
mod doctor;
mod explain;
mod explain_error;
mod generate;
pub mod incidents;
mod init;
mod lineage;
mod load;
mod maintain;
mod man;
mod offsets;
mod plan;
mod quality;
mod quarantine;
mod query;
mod refresh;
mod reveal;
pub mod rule;
mod run;
pub mod status;
mod subject;
mod tap;
mod test;
mod top;
mod validate;
mod verify;
mod version;

use crate::cli::{Cli, Command};
use crate::console::Console;
use crate::failure::Failure;
use crate::logging::{self, Level};

/// Does what the command says.
///
/// # Errors
/// The verb's failure, which is not yet printed.
pub fn execute(cli: Cli, console: &Console) -> Result<(), Failure> {
    let global = &cli.global;
    // A live view shows what log lines would say.
    let level = match &cli.command {
        Command::Run(_) if !console.live() => Level::Info,
        _ => Level::Warn,
    };
    logging::start(global, console, level);
    match &cli.command {
        Command::Apply(args) => apply::execute(args, global, console),
        Command::Audit(args) => audit::execute(args, global, console),
        Command::Bench(args) => bench::execute(args, global, console),
        Command::Completions(args) => completions::execute(args),
        Command::Config(args) => config::execute(args, global, console),
        Command::Demo(args) => demo::execute(args, global, console),
        Command::Doctor(args) => doctor::execute(args, global),
        Command::Explain(args) => explain::execute(args, global, console),
        Command::ExplainError(args) => explain_error::execute(args),
        Command::Generate(args) => generate::execute(args, global, console),
        Command::Init(args) => init::execute(args, global, console),
        Command::Lineage(args) => lineage::execute(args, global),
        Command::Maintain(args) => maintain::execute(args, global, console),
        Command::Man(args) => man::execute(args),
        Command::Load(args) => load::execute(args, global, console),
        Command::Offsets(args) => offsets::execute(args, global, console),
        Command::Incidents(args) => incidents::execute(args, global, console),
        Command::Plan(args) => plan::execute(args, global, console),
        Command::Quarantine(args) => quarantine::execute(args, global, console),
        Command::Quality(args) => quality::execute(args, global, console),
        Command::Query(args) => query::execute(args, global, console),
        Command::Refresh(args) => refresh::execute(args, global, console),
        Command::Verify(args) => verify::execute(args, global, console),
        Command::Subject(args) => subject::execute(args, global, console),
        Command::Reveal(args) => reveal::execute(args, global),
        Command::Rule(args) => rule::execute(args),
        Command::Run(args) => run::execute(args, global, console),
        Command::Status(args) => status::execute(args, global, console),
        Command::Tap(args) => tap::execute(args, global, console),
        Command::Top(args) => top::execute(args, global, console),
        Command::Test(args) => test::execute(args, global, console),
        Command::Validate(args) => validate::execute(args, global, console),
        Command::Version(args) => version::execute(args),
    }
}
