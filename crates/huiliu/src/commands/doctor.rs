//! `huiliu doctor`: everything that a running process needs, tried before it matters.

mod machine;

use crate::cli::{DoctorArgs, Global};
use crate::failure::Failure;
use crate::installation::{Installation, clock, runtime};
use crate::output::{Form, answer};
use crate::schemas;
use huiliu_kafka::{Examined, Route};
use huiliu_model::{Error, ErrorKind};
use serde::Serialize;
use std::io::{self, Write};
use std::time::Duration;

/// Clocks further apart than this confuse freshness and leases.
const SKEW_WARN: Duration = Duration::from_secs(5);
/// S3 refuses signatures of a clock that is 15 minutes off.
const SKEW_FAIL: Duration = Duration::from_secs(15 * 60);
/// A record may be this much newer than our clock before one of the clocks is wrong.
const FUTURE: Duration = Duration::from_secs(60);
/// Topics named in a line; the rest are counted.
const NAMED_MAX: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok,
    Warn,
    Fail,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    outcome: Outcome,
    /// What was found.
    found: String,
    /// What it means for a running process.
    meaning: &'static str,
    remedy: Option<String>,
    #[serde(skip)]
    kind: Option<ErrorKind>,
}

impl Check {
    fn ok(name: &'static str, meaning: &'static str, found: impl Into<String>) -> Self {
        let found = found.into();
        Self { name, outcome: Outcome::Ok, found, meaning, remedy: None, kind: None }
    }

    fn warn(self, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warn, remedy: Some(remedy.into()), ..self }
    }

    fn fail(self, kind: ErrorKind, remedy: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, remedy: Some(remedy.into()), kind: Some(kind), ..self }
    }

    /// What became of an attempt; `good` is found where it succeeds.
    fn of(
        name: &'static str,
        meaning: &'static str,
        good: impl Into<String>,
        tried: Result<(), &Error>,
    ) -> Self {
        match tried {
            Ok(()) => Self::ok(name, meaning, good),
            Err(error) => {
                let mut found = error.message.clone();
                let mut cause = std::error::Error::source(error);
                while let Some(because) = cause {
                    found.push_str(&format!(": {because}"));
                    cause = because.source();
                }
                let remedy = error.help.clone().unwrap_or_else(|| "see the reason".to_owned());
                Self::ok(name, meaning, found).fail(error.kind, remedy)
            }
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    checks: Vec<Check>,
}

impl Form for Report {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for check in &self.checks {
            let sign = match check.outcome {
                Outcome::Ok => "ok  ",
                Outcome::Warn => "warn",
                Outcome::Fail => "FAIL",
            };
            writeln!(out, "{sign}  {:<18} {}", check.name, check.found)?;
            if let Some(remedy) = &check.remedy {
                writeln!(out, "      {:<18} {}", "", check.meaning)?;
                writeln!(out, "      {:<18} = help: {remedy}", "")?;
            }
        }
        let count = |outcome| self.checks.iter().filter(|c| c.outcome == outcome).count();
        let (warned, failed) = (count(Outcome::Warn), count(Outcome::Fail));
        writeln!(out, "\n{} checks, {warned} warnings, {failed} failures", self.checks.len())
    }
}

/// Tries everything and says what was found.
///
/// # Errors
/// The code of the first check that failed.
pub fn execute(args: &DoctorArgs, global: &Global) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    let mut checks = vec![protection(&installation)];
    runtime()?.block_on(async {
        checks.extend(kafka(&installation).await);
        checks.extend(store(&installation).await);
        checks.extend(registry(&installation).await);
    });
    checks.extend(machine::checks(&installation));
    let failed = checks.iter().find_map(|check| check.kind);
    answer(args.output.form, &Report { checks })?;
    failed.map_or(Ok(()), |kind| Err(Failure::Said(kind.exit_code())))
}

fn protection(installation: &Installation) -> Check {
    let meaning = "no lake is written before the settings say how sensitive values are kept";
    let (found, kind) = match installation.protection() {
        Ok(protection) if protection.protects() => {
            return Check::ok("protection", meaning, "keys can be read");
        }
        Ok(_) => return Check::ok("protection", meaning, "plain: values are kept as they came"),
        Err(Failure::Error(error)) => (error.message, error.kind),
        Err(Failure::Findings(found)) => {
            (found.first().map(ToString::to_string).unwrap_or_default(), ErrorKind::Invalid)
        }
        Err(_) => (String::new(), ErrorKind::Invalid),
    };
    let remedy = "say `protection: keys` with `keys:`, or `protection: plain`, in huiliu.yaml";
    Check::ok("protection", meaning, found).fail(kind, remedy)
}

async fn kafka(installation: &Installation) -> Vec<Check> {
    let reach = "without the brokers nothing is read";
    let settings = match installation.kafka() {
        Ok(settings) => settings,
        Err(_) => {
            let found = "no broker is named, or a secret cannot be read";
            let remedy = "give --bootstrap-servers host:port, or `kafka:` in huiliu.yaml";
            let check = Check::ok("kafka", reach, found);
            return vec![check.fail(ErrorKind::Invalid, remedy)];
        }
    };
    let servers = settings.bootstrap_servers.clone();
    let contracts = installation.project.contracts.iter();
    let routes: Vec<Route> = contracts
        .map(|c| Route { dataset: c.dataset.clone(), kafka_topics: c.kafka_topics.clone() })
        .collect();
    let count = routes.len();
    let asked = tokio::task::spawn_blocking(move || huiliu_kafka::examine(&settings, &routes));
    let examined = match asked.await {
        Ok(Ok(examined)) => examined,
        Ok(Err(error)) => return vec![Check::of("kafka", reach, "", Err(&error))],
        Err(panic) => {
            let error = Error::new(ErrorKind::Bug, "Kafka could not be examined").because(panic);
            return vec![Check::of("kafka", reach, "", Err(&error))];
        }
    };
    let mut checks = vec![Check::ok("kafka", reach, format!("{servers} answers and lets us in"))];
    checks.extend(topics(&examined, count));
    if let Some(group) = &examined.group {
        let meaning = "the group shares the partitions out and shows progress to lag tools";
        let name = &installation.settings.kafka.group;
        let found = format!("offsets of `{name}` may be asked for");
        checks.push(Check::of("kafka group", meaning, found, group.as_ref().map(|()| ())));
    }
    if let Some(newest_ms) = examined.newest_ms {
        checks.push(record_time(newest_ms, clock().now_us() / 1_000));
    }
    checks
}

fn topics(examined: &Examined, route_count: usize) -> Vec<Check> {
    let meaning = "a process waits for topics that are missing and reads the others";
    let (missing, partitions) = (&examined.missing, examined.partition_count);
    let found = format!(
        "{} of {route_count} declared, {partitions} partitions",
        route_count - missing.len()
    );
    let exist = match missing.as_slice() {
        [] => Check::ok("kafka topics", meaning, found),
        _ => Check::ok("kafka topics", meaning, format!("{found}; missing: {}", named(missing)))
            .warn("create them, or correct `source.kafka_topic` in the pipeline files"),
    };
    let meaning = "a topic that may not be read ends the process that is assigned it";
    let unreadable: Vec<String> =
        examined.unreadable.iter().map(|(topic, why)| format!("{topic} ({why})")).collect();
    let read = match unreadable.as_slice() {
        [] => Check::ok("kafka read", meaning, "every topic that exists can be read"),
        _ => Check::ok("kafka read", meaning, named(&unreadable))
            .fail(ErrorKind::Denied, "grant Read and Describe on the topics to this user"),
    };
    vec![exist, read]
}

fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn record_time(newest_ms: i64, now_ms: i64) -> Check {
    let meaning = "lateness is told by Kafka's time of a record and this machine's clock";
    let ahead = Duration::from_millis(u64::try_from(newest_ms - now_ms).unwrap_or(0));
    let found = match ahead.is_zero() {
        true => "no record is newer than this machine's clock".to_owned(),
        false => format!("the newest record is {:.1} s ahead of us", ahead.as_secs_f64()),
    };
    let check = Check::ok("clock of records", meaning, found);
    match ahead > FUTURE {
        true => check.warn("correct the clock of this machine, or of who publishes"),
        false => check,
    }
}

async fn store(installation: &Installation) -> Vec<Check> {
    let meaning = "the lake is written, read, listed and swept with these rights";
    let options = match installation.settings.store_options() {
        Ok(options) => options,
        Err(found) => {
            let check = Check::ok("store", meaning, found.to_string());
            return vec![check.fail(ErrorKind::Invalid, "correct `store` in huiliu.yaml")];
        }
    };
    let location = &installation.settings.lake;
    let examined = match huiliu_lake::examine(location, &options, &*clock()).await {
        Ok(examined) => examined,
        Err(error) => return vec![Check::of("store", meaning, "", Err(&error))],
    };
    let names = |right| match right {
        "put" => "store put",
        "get" => "store get",
        "list" => "store list",
        _ => "store delete",
    };
    let mut checks: Vec<Check> = examined
        .rights
        .iter()
        .map(|(right, tried)| {
            Check::of(names(*right), meaning, location.clone(), tried.as_ref().map(|()| ()))
        })
        .collect();
    let race = "a commit is a conditional put: of two writers one must lose";
    let won = "one of 8 creators won, in each of 5 races";
    checks.push(Check::of("store race", race, won, examined.race.as_ref().map(|()| ())));
    checks.extend(examined.skew_ms.map(store_time));
    checks
}

fn store_time(skew_ms: i64) -> Check {
    let meaning = "leases, retention and signatures compare this clock with the store's";
    let skew = Duration::from_millis(skew_ms.unsigned_abs());
    let found = format!("the store's clock is {:.1} s off ours", skew.as_secs_f64());
    let check = Check::ok("clock of store", meaning, found);
    let remedy = "set both clocks by NTP";
    match skew {
        skew if skew > SKEW_FAIL => check.fail(ErrorKind::Invalid, remedy),
        skew if skew > SKEW_WARN => check.warn(remedy),
        _ => check,
    }
}

async fn registry(installation: &Installation) -> Option<Check> {
    let meaning = "records in Avro wait until their schemas can be asked for";
    match schemas::client(installation, &prometheus::Registry::new()) {
        Ok(None) => None,
        Ok(Some(registry)) => {
            let tried = registry.reach().await;
            Some(Check::of("schema registry", meaning, "it answers", tried.as_ref().map(|()| ())))
        }
        Err(Failure::Error(error)) => Some(Check::of("schema registry", meaning, "", Err(&error))),
        Err(_) => {
            let check = Check::ok("schema registry", meaning, "its settings cannot be used");
            Some(check.fail(ErrorKind::Invalid, "see `huiliu validate`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_judged_by_how_far_they_are_apart() {
        let told = [0, 5_000, -5_001, 900_000, -900_001].map(|skew| store_time(skew).outcome);
        use Outcome::{Fail, Ok, Warn};
        assert_eq!(told, [Ok, Ok, Warn, Warn, Fail]);
        assert_eq!(record_time(1_000, 100_000).outcome, Ok);
        assert_eq!(record_time(160_000, 100_000).outcome, Ok);
        assert_eq!(record_time(160_001, 100_000).outcome, Warn);
    }

    #[test]
    fn what_is_missing_or_refused_is_named() {
        let missing = (0..7).map(|n| format!("t{n}")).collect();
        let unreadable = [("x".to_owned(), "we may not".to_owned())].into();
        let examined =
            Examined { partition_count: 3, missing, unreadable, group: None, newest_ms: None };
        let [exist, read] = &topics(&examined, 9)[..] else { panic!("two checks") };
        let expected = "2 of 9 declared, 3 partitions; missing: t0, t1, t2, t3, t4 and 2 more";
        assert_eq!((exist.outcome, exist.found.as_str()), (Outcome::Warn, expected));
        assert_eq!((read.outcome, read.found.as_str()), (Outcome::Fail, "x (we may not)"));
    }
}
