//! The binary: reads files by name, wires the rooms, prints, and chooses the exit code.
//!
//! Nothing below this crate knows of the command line, the terminal, the process environment or
//! signals; nothing in it knows how a record is decoded or a table committed.

mod activity;
mod admin;
mod board;
mod certificates;
mod cli;
mod commands;
mod console;
mod duty;
mod embedded;
mod engine;
mod failure;
mod fold;
mod frame;
mod heartbeats;
mod incident;
mod installation;
mod layout;
mod logging;
mod maintenance;
mod member;
mod memory;
mod metrics;
mod obstacle;
mod oldest;
mod otlp;
mod output;
mod page;
mod pools;
mod process;
mod readings;
mod reload;
mod report;
mod schemas;
mod service;
mod signals;
mod subjects;
mod view;
mod waiting;
mod watch;

use clap::Parser;
use std::process::ExitCode;

/// The C library's keeps what was freed in its arenas; this one gives it back at once
/// (`.cargo/config.toml`), so that a memory limit holds.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(misuse) => return failure::misused(&misuse),
    };
    let console = console::Console::new(&cli.global);
    match commands::execute(cli, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(&console);
            ExitCode::from(failure.exit_code())
        }
    }
}
