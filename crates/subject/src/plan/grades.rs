//! Grades of output columns: at least those of the columns they come from.
//!
//! A column may be declared below that only with the step that lowers it (`declassify`), which
//! somebody approves; a step that lowers nothing is taken out again.

use super::Findings;
use crate::lineage::{ColumnLineage, TableLineage};
use huiliu_model::Grade;
use huiliu_spec::table::TableSpec;

/// Sources named in a message.
const NAMED_MAX: usize = 3;

/// Holds the declared grades against the lineage.
pub(super) fn compare(lineage: &TableLineage, spec: &TableSpec, found: &mut Findings<'_>) {
    for column in &lineage.columns {
        let name = &column.column;
        let is_lowered = spec.declassify.iter().any(|step| step.column == *name);
        match (column.grade < column.derived(), is_lowered) {
            (true, false) => {
                let (grade, derived) = (word(column.grade), word(column.derived()));
                let message = format!(
                    "column `{name}` is declared {grade}, it comes from {}",
                    sources(column)
                );
                let help = format!(
                    "declare `grade: {derived}`, or the step that lowers it: \
                    `declassify: [{{column: {name}, by: aggregate, why: …}}]`"
                );
                found.fail("table.yaml", message, Some(help));
            }
            (false, true) => {
                let message = format!(
                    "column `{name}` is declassified, and nothing it comes from is above {}",
                    word(column.grade)
                );
                let help = "take it out of `declassify:`".to_owned();
                found.fail("table.yaml", message, Some(help));
            }
            _ => {}
        }
    }
}

/// The sources above the declared grade, the highest first.
fn sources(column: &ColumnLineage) -> String {
    let mut above: Vec<_> =
        column.sources.iter().filter(|(_, grade)| *grade > column.grade).collect();
    above.sort_by(|(a, grade_a), (b, grade_b)| grade_b.cmp(grade_a).then_with(|| a.cmp(b)));
    let named: Vec<String> = above
        .iter()
        .take(NAMED_MAX)
        .map(|(source, grade)| format!("`{}.{}` ({})", source.input, source.column, word(*grade)))
        .collect();
    let more = above.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", named.join(", "))
}

/// The grade as the files write it.
pub fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::L1 => "L1",
        Grade::L2 => "L2",
        Grade::L3 => "L3",
        Grade::L4 => "L4",
    }
}
