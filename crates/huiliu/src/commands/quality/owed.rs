//! What departments owe: the list of responsibilities (责任清单), or the contracts without one.

use crate::failure::Failure;
use huiliu_model::Contract;
use huiliu_quality::{Cycle, Resource};
use std::path::Path;
use std::sync::Arc;

/// File of the list, beside the pipelines.
const FILE: &str = "responsibilities.csv";
const HEADER: &str = "department,code,title,items,cycle,due_days,catalogued,dataset";

/// The resources that are owed.
///
/// # Errors
/// The first line that cannot be read, with what it should be.
pub fn resources(pipelines: &Path, contracts: &[Arc<Contract>]) -> Result<Vec<Resource>, Failure> {
    let path = pipelines.join(FILE);
    if !path.is_file() {
        return Ok(contracts.iter().map(|contract| of_contract(contract)).collect());
    }
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Failure::file("cannot read the list", &path, e))?;
    let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let refuse = |line: usize, why: &str| {
        Failure::invalid(format!("{}:{line}: {why}", path.display()))
            .help(format!("the columns are {HEADER}; texts have no commas or quotes"))
    };
    match lines.next() {
        Some((header, _)) if header.trim() == HEADER => {}
        _ => return Err(refuse(1, "the list has another header")),
    }
    lines
        .filter(|(line, _)| !line.trim().is_empty())
        .map(|(line, number)| read(line, contracts).map_err(|why| refuse(number, &why)))
        .collect()
}

/// Without a list each dataset is owed by its provider, in its own cycle.
fn of_contract(contract: &Contract) -> Resource {
    Resource {
        department: contract.provider.clone(),
        code: contract.dataset.to_string(),
        title: contract.title.clone(),
        items: contract.columns.len() as u64,
        cycle: contract.cycle.as_deref().and_then(Cycle::of).unwrap_or(Cycle::Month),
        due_days: None,
        is_catalogued: true,
        dataset: Some(contract.dataset.to_string()),
    }
}

fn read(line: &str, contracts: &[Arc<Contract>]) -> Result<Resource, String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let [department, code, title, items, cycle, due_days, catalogued, dataset] = cells[..] else {
        return Err(format!("the line has {} cells, not 8", cells.len()));
    };
    let dataset = Some(dataset).filter(|name| !name.is_empty());
    if let Some(name) = dataset
        && !contracts.iter().any(|contract| &*contract.dataset == name)
    {
        return Err(format!("there is no dataset `{name}`"));
    }
    let due_days = Some(due_days).filter(|days| !days.is_empty());
    Ok(Resource {
        department: department.to_owned(),
        code: code.to_owned(),
        title: title.to_owned(),
        items: items.parse().map_err(|_| format!("items `{items}` is no count"))?,
        cycle: Cycle::of(cycle)
            .ok_or_else(|| format!("cycle `{cycle}` is none of 实时 每日 每周 每月 每季度 每年"))?,
        due_days: due_days
            .map(|days| days.parse().map_err(|_| format!("due_days `{days}` is no count")))
            .transpose()?,
        is_catalogued: match catalogued {
            "yes" | "是" => true,
            "no" | "否" => false,
            other => return Err(format!("catalogued `{other}` is neither yes nor no")),
        },
        dataset: dataset.map(str::to_owned),
    })
}
