//! What the demo ends with: what is in the lake, and what to try next.

use super::home::Home;
use crate::commands::query;
use crate::console::{Console, Style};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::installation::off;
use crate::output::table::{Align, Table};
use crate::output::terminal_width;
use crate::view::grouped;
use chrono::NaiveDate;
use huiliu_ingest::Summary;
use huiliu_model::Quality;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

const REASONS_SHOWN: usize = 10;
const PROFILE: &str = "enterprise_financing.enterprise_profile";
const PROFILE_ROWS: &str = "\
    SELECT uscc, name, industry_section AS section, age_months, reg_capital_wan, shareholders, \
    last_report_year AS report, valid_licences AS licences \
    FROM enterprise_financing.enterprise_profile \
    WHERE last_report_year IS NOT NULL \
    ORDER BY reg_capital_wan DESC NULLS LAST, uscc LIMIT 10";

/// How long each part took.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub ingested: Duration,
    pub folded: Duration,
    pub refreshed: Duration,
}

/// Everything the summary is made of.
pub struct Report<'a> {
    pub home: &'a Home,
    pub engine: &'a Engine,
    pub summary: &'a Summary,
    pub times: Times,
    pub as_of: NaiveDate,
}

impl Report<'_> {
    /// Prints the summary on standard output.
    ///
    /// # Errors
    /// When the lake cannot be read or standard output not be written.
    pub async fn print(&self, built: &[(String, u64)], console: &Console) -> Result<(), Failure> {
        let mut out = Vec::new();
        self.times(&mut out)?;
        self.datasets(&mut out).await?;
        let installation = &self.engine.installation;
        let memory = installation.memory().alone_bytes();
        let ctx = installation.query_session(&self.engine.lake, memory).await?;
        if let Some(sql) = self.reasons() {
            writeln!(out, "\nwhy records were rejected")?;
            query::show(&ctx, &sql, &mut out).await?;
        }
        writeln!(out, "\nsubject tables as of {}", self.as_of)?;
        for (name, rows) in built {
            writeln!(out, "  {name}  {} rows", grouped(*rows))?;
        }
        for (subject, why) in &installation.project.off {
            writeln!(out, "  {}", off(subject, why).0)?;
        }
        if built.iter().any(|(name, _)| name == PROFILE) {
            writeln!(out, "\n{PROFILE}, the ten with the largest capital")?;
            query::show(&ctx, PROFILE_ROWS, &mut out).await?;
        }
        self.next(&mut out, console)?;
        io::stdout().lock().write_all(&out)?;
        Ok(())
    }

    fn times(&self, out: &mut impl Write) -> io::Result<()> {
        let total = self.engine.board.total();
        let seconds = self.times.ingested.as_secs_f64();
        writeln!(
            out,
            "\n{} records in {seconds:.1} s, {} commits; fold {:.1} s, refresh {:.1} s\n",
            grouped(total.offsets),
            total.commits,
            self.times.folded.as_secs_f64(),
            self.times.refreshed.as_secs_f64()
        )
    }

    /// Per dataset: records, what became of them, and the rows of today.
    async fn datasets(&self, out: &mut impl Write) -> Result<(), Failure> {
        let heads = [
            ("dataset", Align::Left),
            ("records", Align::Right),
            ("accepted", Align::Right),
            ("rejected", Align::Right),
            ("passed", Align::Right),
            ("findings", Align::Right),
            ("current rows", Align::Right),
            ("title", Align::Left),
        ];
        let heads = heads.map(|(name, align)| (name.to_owned(), align));
        let mut table = Table::new(heads).fit(terminal_width());
        let findings = findings(self.summary);
        for status in self.engine.lake.status().await? {
            let dataset = status.dataset.as_str();
            let tally = self.summary.tallies.get(dataset).copied().unwrap_or_default();
            let count = |number: u64| Some(grouped(number));
            table.push([
                Some(status.dataset.clone()),
                count(tally.offsets()),
                count(tally.accepted),
                count(tally.rejected),
                Some(passed(tally.accepted, tally.rejected)),
                count(findings.get(dataset).copied().unwrap_or(0)),
                count(status.current_rows.unsigned_abs()),
                Some(status.title),
            ]);
        }
        table.print(out)?;
        Ok(())
    }

    /// The query for the most frequent reasons; none when nothing was rejected.
    fn reasons(&self) -> Option<String> {
        let parts: Vec<String> = self
            .summary
            .tallies
            .iter()
            .filter(|(_, tally)| tally.rejected > 0)
            .map(|(dataset, _)| {
                format!(
                    "SELECT '{dataset}' AS dataset, stage, reason, field, count(*) AS records \
                     FROM quarantine.\"{dataset}\" GROUP BY stage, reason, field"
                )
            })
            .collect();
        (!parts.is_empty()).then(|| {
            let all = parts.join(" UNION ALL ");
            format!(
                "SELECT * FROM ({all}) ORDER BY records DESC, dataset, reason, field \
                 LIMIT {REASONS_SHOWN}"
            )
        })
    }

    fn next(&self, out: &mut impl Write, console: &Console) -> io::Result<()> {
        let config = self.home.config().display().to_string();
        let lake = self.home.lake();
        let lake = std::fs::canonicalize(&lake).unwrap_or(lake).display().to_string();
        let profile = format!("{lake}/subjects/enterprise_financing/enterprise_profile");
        let head = |text: &str| match console.stdout_is_terminal {
            true => console.paint(text, Style::Strong),
            false => text.to_owned(),
        };
        writeln!(out, "\n{}", head("next"))?;
        writeln!(out, "  # what is in the lake, and how fresh it is")?;
        // As it was called, so that the lines can be pasted.
        let program = std::env::args().next().unwrap_or_else(|| "huiliu".to_owned());
        writeln!(out, "  {program} status --offline --config {config}")?;
        writeln!(out, "  # ask it")?;
        writeln!(
            out,
            "  {program} query --config {config} \\\n    'SELECT industry_section, \
             count(*) AS firms, avg(age_months) AS months FROM {PROFILE} \
             GROUP BY 1 ORDER BY 2 DESC'"
        )?;
        writeln!(out, "  # open it in DuckDB (INSTALL delta, once, needs the network)")?;
        writeln!(
            out,
            "  duckdb -c \"INSTALL delta; LOAD delta; SELECT * FROM delta_scan('{profile}') \
             LIMIT 10\""
        )?;
        writeln!(out, "  # or in Polars")?;
        writeln!(
            out,
            "  python3 -c \"import polars; print(polars.read_delta('{profile}').head(10))\""
        )?;
        writeln!(
            out,
            "  # the metrics at the end of this run; while it runs, /metrics serves them"
        )?;
        writeln!(out, "  grep -v '^#' {}/metrics.prom", self.home.shown())?;
        if !self.home.kept {
            writeln!(out, "  # all of it is in one temporary directory; to be rid of it")?;
            writeln!(out, "  rm -r {}", self.home.shown())?;
        }
        Ok(())
    }
}

/// Cells that broke a rule, per dataset.
fn findings(summary: &Summary) -> BTreeMap<&str, u64> {
    let count = |quality: &Quality| quality.findings().iter().map(|found| found.count).sum();
    summary.quality.iter().map(|(dataset, quality)| (&**dataset, count(quality))).collect()
}

/// Share of records that were accepted, rounded down so that 100 % means all.
fn passed(accepted: u64, rejected: u64) -> String {
    let all = accepted + rejected;
    if all == 0 {
        return String::new();
    }
    let hundredths = accepted * 10_000 / all;
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_rate_of_a_hundred_means_every_record() {
        assert_eq!(passed(10, 0), "100.00%");
        assert_eq!(passed(999_999, 1), "99.99%");
        assert_eq!(passed(1, 2), "33.33%");
        assert_eq!(passed(0, 0), "");
    }
}
