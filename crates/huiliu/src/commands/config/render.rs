//! `huiliu config render`: every setting that applies, and who says so.

use crate::cli::{Global, RenderArgs};
use crate::failure::Failure;
use crate::installation::settings;
use crate::output::table::{Align, Table};
use crate::output::{Form, answer, terminal_width};
use huiliu_spec::Settings;
use huiliu_spec::settings::HIDDEN;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Debug, Serialize)]
struct Rendered {
    settings: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    key: String,
    /// Null when nothing is said and there is no default.
    value: Option<String>,
    /// Where a secret is; its value is never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    from: String,
}

impl Form for Rendered {
    fn text(&self, mut out: &mut dyn Write) -> io::Result<()> {
        let heads = ["setting", "value", "from"].map(|head| (head.to_owned(), Align::Left));
        let mut table = Table::new(heads).fit(terminal_width());
        for line in &self.settings {
            let value = match (&line.value, &line.reference) {
                (Some(value), Some(reference)) => Some(format!("{value} ({reference})")),
                (value, _) => value.clone(),
            };
            table.push([Some(line.key.clone()), value, Some(line.from.clone())]);
        }
        table.print(&mut out)
    }
}

/// Prints the settings.
///
/// # Errors
/// What is wrong in the settings file.
pub fn execute(args: &RenderArgs, global: &Global) -> Result<(), Failure> {
    let settings = settings(global)?;
    let file = settings.file.as_ref().map(|path| path.display().to_string());
    let mut lines = Vec::new();
    for entry in settings.effective() {
        let from = overridden(&entry.key, global, &settings).unwrap_or_else(|| {
            match (&file, entry.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ if entry.value.is_none() => "not said".to_owned(),
                _ => "default".to_owned(),
            }
        });
        lines.push(Line { key: entry.key, value: entry.value, reference: entry.reference, from });
    }
    lines.extend(of_environment(&settings));
    answer(args.output.form, &Rendered { settings: lines })
}

/// The flag or variable that a setting was put over with.
fn overridden(key: &str, global: &Global, settings: &Settings) -> Option<String> {
    let (is_given, flag, variable) = match key {
        "lake" => (global.lake.is_some(), "--lake", "HUILIU_LAKE"),
        "protection" => (global.protection.is_some(), "--protection", "HUILIU_PROTECTION"),
        "kafka.bootstrap_servers" => {
            (global.bootstrap_servers.is_some(), "--bootstrap-servers", "HUILIU_BOOTSTRAP_SERVERS")
        }
        "pipelines" | "sql" => {
            let home = std::env::var_os("HUILIU_HOME").filter(|_| settings.file.is_none())?;
            let below = settings.pipelines.starts_with(home);
            return below.then(|| "environment HUILIU_HOME".to_owned());
        }
        _ => return None,
    };
    let typed = |word: String| word == flag || word.starts_with(&format!("{flag}="));
    is_given.then(|| match std::env::args().any(typed) {
        true => format!("flag {flag}"),
        false => format!("environment {variable}"),
    })
}

/// Variables of the environment that the object store's client takes into account.
fn of_environment(settings: &Settings) -> impl Iterator<Item = Line> {
    let prefixes: &[&str] = match settings.lake.split_once("://").map(|(scheme, _)| scheme) {
        Some("s3" | "s3a") => &["AWS_"],
        Some("az" | "azure" | "abfs" | "abfss") => &["AZURE_"],
        Some("gs") => &["GOOGLE_", "GCS_"],
        _ => &[],
    };
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect();
    names.sort_unstable();
    names.into_iter().map(|name| Line {
        key: "store".to_owned(),
        value: Some(HIDDEN.to_owned()),
        reference: None,
        from: format!("environment {name}"),
    })
}
