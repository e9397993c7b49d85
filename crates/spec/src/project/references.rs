//! Checks that read another dataset: whether it exists and has the columns they need.

use super::Drafts;
use crate::diagnostic::{Code, Diagnostic, Findings, did_you_mean};
use crate::pipeline::Draft;
use crate::tree::At;
use huiliu_model::Contract;
use huiliu_model::contract::{Check, Target};
use std::path::Path;

/// Holds all checks against the datasets they name, and fills in the keys they mean.
///
/// A dataset that is not declared is a finding only if `complete`: one file alone does not show
/// what else there is.
pub(super) fn resolve(drafts: &mut Drafts<'_>, complete: bool, found: &mut Vec<Diagnostic>) {
    for index in 0..drafts.len() {
        let (file, draft) = &drafts[index];
        let Some(contract) = &draft.contract else { continue };
        let findings = Findings::new(file);
        let mut resolved = Vec::with_capacity(contract.checks.len());
        for (check, place) in contract.checks.iter().zip(&draft.check_places) {
            let drafts = drafts.as_slice();
            let held = Held { contract, drafts, complete, findings: &findings, place: *place };
            resolved.push(held.resolve(check));
        }
        found.extend(findings.into_sorted());
        if let Some(contract) = &mut drafts[index].1.contract {
            contract.checks = resolved;
        }
    }
}

/// One check of a contract before the datasets of the project.
struct Held<'a> {
    contract: &'a Contract,
    drafts: &'a [(&'a Path, Draft)],
    complete: bool,
    findings: &'a Findings,
    /// Where the other dataset is named, and where the columns are.
    place: (At, At),
}

impl Held<'_> {
    fn resolve(&self, check: &Check) -> Check {
        let Some(other) = check.target().and_then(|target| self.other(target)) else {
            return check.clone();
        };
        let mut check = check.clone();
        let (columns, to) = match &mut check {
            Check::Reference { columns, to } => (&*columns, to),
            Check::Near { longitude, latitude, by, to, .. } => {
                for index in [*longitude, *latitude] {
                    self.same(index, &self.contract.columns[index].name, other);
                }
                (&*by, to)
            }
            _ => return check,
        };
        if to.columns.is_empty() {
            to.columns = other.key_names().into_iter().map(str::to_owned).collect();
        }
        if to.columns.len() != columns.len() {
            let message = format!(
                "{} columns are held against the key of `{}`, which has {}",
                columns.len(),
                other.dataset,
                to.columns.len()
            );
            let help = format!("the key is `{}`", to.columns.join(", "));
            self.findings.add_with_help(Code::BadKey, self.place.1, message, help);
            return check;
        }
        for (&index, name) in columns.iter().zip(&to.columns) {
            self.same(index, name, other);
        }
        check
    }

    /// The contract of the other dataset, if it is declared and sound.
    fn other(&self, target: &Target) -> Option<&Contract> {
        let name =
            |draft: &Draft| draft.dataset.as_ref().is_some_and(|(n, _)| **n == *target.dataset);
        match self.drafts.iter().find(|(_, draft)| name(draft)) {
            Some((_, draft)) => draft.contract.as_ref(),
            None if self.complete => {
                let known = self.drafts.iter().filter_map(|(_, d)| d.dataset.as_ref());
                let help = did_you_mean(&target.dataset, known.map(|(name, _)| name.as_str()));
                let message = format!("dataset `{}` is not declared", target.dataset);
                self.findings.push(Code::UnknownDataset, self.place.0, message, help);
                None
            }
            None => None,
        }
    }

    /// Reports a column of the other dataset that is not there or has another type.
    fn same(&self, index: usize, name: &str, other: &Contract) {
        let column = &self.contract.columns[index];
        let Some((_, found)) = other.column(name) else {
            let message = format!("dataset `{}` has no column `{name}`", other.dataset);
            let help = did_you_mean(name, other.columns.iter().map(|column| column.name.as_str()));
            self.findings.push(Code::UnknownColumn, self.place.1, message, help);
            return;
        };
        if found.data_type != column.data_type {
            let message = format!(
                "column `{}` of type {} is held against `{}.{name}` of type {}",
                column.name, column.data_type, other.dataset, found.data_type
            );
            self.findings.add(Code::RuleMismatch, self.place.1, message);
        }
    }
}
