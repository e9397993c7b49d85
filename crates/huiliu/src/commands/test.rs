//! `huiliu test`: the given/expected cases of subject tables, in parallel and without services.
//!
//! Each case has a session of its own, on one of as many threads as there are cores. What passes
//! is a line; what fails is a line and the rows that differ. The answer goes to standard output.

mod diff;
mod report;

use crate::cli::{Global, Lines, TestArgs};
use crate::console::Console;
use crate::failure::{FAILED, Failure};
use crate::installation::{Installation, clock};
use crate::output::answer;
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::TableSpec;
use huiliu_subject::testcase::{CaseOutcome, Origin, cases, run_case, update};
use huiliu_subject::{Catalogue, Declarations};
use report::{CaseReport, Outcome, Report};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A case and the table it belongs to.
struct Case<'a> {
    spec: &'a TableSpec,
    folder: PathBuf,
}

/// Runs cases, and says how they went.
///
/// # Errors
/// 1 when a case fails or cannot be run; everything is said by then.
pub fn execute(args: &TestArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let chosen = choose(&installation, &args.paths)?;
    let clock = clock();
    let began = clock.monotonic();
    let text = args.output.form == Lines::Text;
    let told = |case: &CaseReport| match text {
        true => case.print(&mut std::io::stdout().lock(), console),
        false => Ok(()),
    };
    let mut reports = run(&installation, &chosen, args, told)?;
    reports.sort_by(|a, b| (&a.table, &a.case).cmp(&(&b.table, &b.case)));
    let report = Report::new(reports, clock.monotonic().saturating_sub(began));
    answer(args.output.form, &report)?;
    if report.is_good() { Ok(()) } else { Err(Failure::Said(FAILED)) }
}

/// The cases below the paths, or all.
fn choose<'a>(installation: &'a Installation, paths: &[PathBuf]) -> Result<Vec<Case<'a>>, Failure> {
    let wanted: Vec<PathBuf> = paths.iter().map(|path| whole(path)).collect::<Result<_, _>>()?;
    let mut used = vec![paths.is_empty(); paths.len().max(1)];
    let mut chosen = Vec::new();
    for spec in &installation.project.tables {
        for folder in cases(spec)? {
            let place = whole(&folder)?;
            let of = wanted.iter().position(|path| place.starts_with(path));
            if let Some(at) = of {
                used[at] = true;
            }
            if of.is_some() || wanted.is_empty() {
                chosen.push(Case { spec, folder });
            }
        }
    }
    if let Some(at) = used.iter().position(|is_used| !is_used) {
        let message = format!("no case of a subject table lies below `{}`", paths[at].display());
        return Err(Failure::usage(message).help(format!(
            "name a folder of `{}`: a subject, a table, or tests/<case> of a table",
            installation.settings.sql.display()
        )));
    }
    if chosen.is_empty() {
        let sql = installation.settings.sql.display();
        return Err(Failure::usage(format!("no table below `{sql}` has a test"))
            .help("a case is a folder tests/<case>/ of a table, see sql/README.md"));
    }
    Ok(chosen)
}

fn whole(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::usage(format!("there is no folder `{}`", path.display()))
        }
        _ => Failure::file("cannot look at", path, error),
    })
}

/// Runs the cases on as many threads as there are cores; `told` hears of each as it ends.
fn run(
    installation: &Installation,
    chosen: &[Case<'_>],
    args: &TestArgs,
    told: impl Fn(&CaseReport) -> std::io::Result<()> + Sync,
) -> Result<Vec<CaseReport>, Failure> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(chosen.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(chosen.len())));
    let work = || -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|source| {
            Error::new(ErrorKind::Unavailable, "the system gives no threads").because(source)
        })?;
        while let Some(case) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = runtime.block_on(one(installation, case, args));
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            // Told under the lock, so that the lines of two cases do not mix.
            told(&report)?;
            done.push(report);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let bug = || Error::new(ErrorKind::Bug, "a thread of the tests panicked");
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| bug())?)
    })?;
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn one(installation: &Installation, case: &Case<'_>, args: &TestArgs) -> CaseReport {
    let contracts = &installation.project.contracts;
    let catalogue: &Catalogue = &installation.catalogue;
    let clock = clock();
    let began = clock.monotonic();
    let tables = &installation.project.tables;
    let declared = Declarations { contracts, tables, catalogue };
    let result = run_case(case.spec, &case.folder, declared).await;
    let (outcome, found) = match result {
        Ok(found) => (judge(case, &found, args), Some(found)),
        Err(error) => (Outcome::Error(error), None),
    };
    let took = clock.monotonic().saturating_sub(began);
    CaseReport::new(case.spec, &case.folder, outcome, found, took)
}

/// What becomes of a case that ran; with `--update`, after its file was written.
fn judge(case: &Case<'_>, found: &CaseOutcome, args: &TestArgs) -> Outcome {
    let differs = !found.differences.is_empty();
    match found.origin {
        Origin::ByHand | Origin::Generated if !differs => Outcome::Passed,
        Origin::ByHand if args.update && !args.force => Outcome::Refused,
        _ if args.update => match update(case.spec, &case.folder, found) {
            Ok(()) => Outcome::Updated,
            Err(error) => Outcome::Error(error),
        },
        Origin::Absent => Outcome::Absent,
        _ => Outcome::Failed,
    }
}
