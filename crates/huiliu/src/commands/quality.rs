//! `huiliu quality`: the scorecard of a period, from the ledger.
//!
//! Receipts that are not in the ledger yet are posted first, so the figures are those of the
//! newest commit.

mod checks;
mod diff;
mod figures;
mod owed;
mod text;

use crate::cli::{Global, QualityArgs, QualityCommand};
use crate::commands::query;
use crate::commands::rule::today;
use crate::console::Console;
use crate::failure::Failure;
use crate::installation::{Installation, runtime};
use crate::output::answer;
use huiliu_lake::Lake;
use huiliu_model::Contract;
use huiliu_quality::{Period, Scorecard, Titles, collect, page, scorecard};
use serde::Serialize;
use std::sync::Arc;

/// What the verb answers.
#[derive(Debug, Serialize)]
pub struct Answer {
    #[serde(flatten)]
    pub card: Scorecard,
    /// What only whole tables can tell; absent without `--assess`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<checks::Line>,
    #[serde(skip)]
    pub limit: usize,
}

/// Prints the scorecard of a period.
///
/// # Errors
/// For an unknown dataset or a broken list of what is owed; otherwise as the lake answers.
pub fn execute(args: &QualityArgs, global: &Global, console: &Console) -> Result<(), Failure> {
    let installation = Installation::load(global)?;
    if let Some(QualityCommand::Diff(args)) = &args.command {
        return diff::execute(args, &installation);
    }
    if let Some(name) = &args.dataset
        && installation.project.contract(name).is_none()
    {
        return Err(Failure::invalid(format!("there is no dataset `{name}`"))
            .help("huiliu status lists them"));
    }
    let answer_of = async {
        let lake = installation.existing_lake().await?;
        lake.post_ledger().await?;
        answer_for(args, &installation, &lake).await
    };
    let found = runtime()?.block_on(answer_of)?;
    if let Some(path) = &args.html {
        std::fs::write(path, page(&found.card))
            .map_err(|e| Failure::file("cannot write the page", path, e))?;
        console.say(format!("written to {}", path.display()));
    }
    answer(args.output.form, &found)
}

async fn answer_for(
    args: &QualityArgs,
    installation: &Installation,
    lake: &Lake,
) -> Result<Answer, Failure> {
    let as_of = args.as_of.unwrap_or_else(today);
    let period = args.period.unwrap_or_else(|| Period::month_of(as_of));
    let titles = Contracts(&installation.project.contracts);
    let memory = installation.memory().alone_bytes();
    let ctx = lake.query_session(&[], memory).await?;
    let mut found = figures::of(&query::collect(&ctx, &figures::sql(period)).await?)?;
    let wanted = |dataset: &str, department: &str| {
        args.dataset.as_deref().is_none_or(|name| name == dataset)
            && args.department.as_deref().is_none_or(|text| {
                department.contains(text) || titles.provider(dataset).contains(text)
            })
    };
    found.retain(|figure| wanted(&figure.dataset, &figure.department));
    let deliveries = figures::deliveries(&query::collect(&ctx, figures::DELIVERIES).await?)?;
    let resources = owed::resources(&installation.settings.pipelines, titles.0)?;
    let collected = resources
        .iter()
        .filter(|owed| match &owed.dataset {
            Some(dataset) => wanted(dataset, &owed.department),
            None => {
                args.dataset.is_none()
                    && args.department.as_deref().is_none_or(|text| owed.department.contains(text))
            }
        })
        .map(|owed| {
            let delivery = owed.dataset.as_ref().and_then(|name| deliveries.get(name));
            collect(owed, &delivery.cloned().unwrap_or_default(), period, as_of)
        })
        .collect();
    let checks = if args.assess {
        checks::assess(lake, &ctx, titles.0, as_of, |name| wanted(name, "")).await?
    } else {
        Vec::new()
    };
    let card = scorecard(period.to_string(), &found, collected, &titles);
    Ok(Answer { card, checks, limit: args.limit })
}

/// Titles as the contracts have them.
struct Contracts<'a>(&'a [Arc<Contract>]);

impl Contracts<'_> {
    fn contract(&self, dataset: &str) -> Option<&Contract> {
        self.0.iter().find(|contract| &*contract.dataset == dataset).map(|held| &**held)
    }
}

impl Titles for Contracts<'_> {
    fn provider(&self, dataset: &str) -> String {
        self.contract(dataset).map_or_else(String::new, |contract| contract.provider.clone())
    }

    fn field(&self, dataset: &str, field: &str) -> String {
        let column = self.contract(dataset).and_then(|contract| contract.column(field));
        column.map_or_else(String::new, |(_, column)| column.title.clone())
    }
}
