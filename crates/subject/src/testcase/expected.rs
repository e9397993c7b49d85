//! `expected.csv`: the rows a case expects, and who wrote them.
//!
//! Written by hand is the rule: values worked out from the definition are the only ones that can
//! show a query to be wrong. What `--update` writes bears [`MARK`] as its first line, so that a
//! reader knows that these rows only say what the query yielded once. A file without the mark is
//! by hand, and is left alone unless that is forced; so is one whose mark a person took away.

use super::compare::{Difference, YIELDED, compare};
use super::{CaseOutcome, invalid, owned};
use crate::catalogue::text;
use crate::rows;
use crate::schema;
use arrow::record_batch::RecordBatch;
use huiliu_model::Error;
use huiliu_spec::table::TableSpec;
use std::path::Path;

/// First line of a file that the program wrote.
const MARK: &str = "# written by `huiliu test --update`, not by hand: review it like code";
const FILE: &str = "expected.csv";

/// Who wrote the expected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    ByHand,
    Generated,
    /// Nobody yet.
    Absent,
}

/// The expected rows of a case.
pub(super) struct Expected {
    pub origin: Origin,
    /// Columns that are compared, in the order of the file.
    pub names: Vec<String>,
    pub rows: RecordBatch,
}

impl Expected {
    /// Without a file no row is expected, in all columns of the table.
    pub fn read(spec: &TableSpec, folder: &Path) -> Result<Self, Error> {
        let file = folder.join(FILE);
        if !file.exists() {
            let names: Vec<&str> = spec.columns.iter().map(|c| c.name.as_str()).collect();
            let (_, rows) = parse(spec, &format!("{}\n", names.join(",")), FILE)?;
            let names = names.into_iter().map(str::to_owned).collect();
            return Ok(Self { origin: Origin::Absent, names, rows });
        }
        let written = text(&file)?;
        let what = file.display().to_string();
        let (origin, body, what) = match written.strip_prefix(MARK) {
            Some(rest) => {
                let body = rest.trim_start_matches(['\r', '\n']);
                (Origin::Generated, body, format!("{what} below its first line"))
            }
            None => (Origin::ByHand, written.as_str(), what),
        };
        let (names, rows) = parse(spec, body, &what)?;
        if let Some(key) = spec.key.iter().find(|k| !names.contains(k)) {
            return Err(invalid(&file, &format!("lacks key column `{key}`")));
        }
        Ok(Self { origin, names, rows })
    }
}

fn parse(spec: &TableSpec, body: &str, what: &str) -> Result<(Vec<String>, RecordBatch), Error> {
    let names = rows::csv_names(body, what)?;
    let columns = schema::declared(spec);
    let rows = rows::from_csv(body, &owned(columns.fields()), what)?;
    Ok((names, rows))
}

/// Writes what the query yielded as the expected rows of the case, in the columns it is about,
/// with the mark.
///
/// # Errors
/// `Invalid` for rows that would not come back as themselves, or a file that cannot be written.
pub fn update(spec: &TableSpec, folder: &Path, outcome: &CaseOutcome) -> Result<(), Error> {
    let file = folder.join(FILE);
    let refused = || {
        let message = "cannot hold the yielded rows: an empty text, or a key that comes twice";
        invalid(&file, message)
    };
    if outcome.differences.iter().any(|d| matches!(d, Difference::Repeated { side: YIELDED, .. })) {
        return Err(refused());
    }
    let mut body = outcome.columns.join(",") + "\n";
    for row in &outcome.actual {
        let cells: Vec<String> = row.iter().map(cell).collect();
        body += &(cells.join(",") + "\n");
    }
    let (_, written) = parse(spec, &body, FILE)?;
    let (_, back) = compare(spec, &outcome.columns, &written, std::slice::from_ref(&written))?;
    if back != outcome.actual {
        return Err(refused());
    }
    let beside = file.with_extension("csv.new");
    let put = std::fs::write(&beside, format!("{MARK}\n{body}"));
    put.and_then(|()| std::fs::rename(&beside, &file))
        .map_err(|e| invalid(&file, "cannot be written").because(e))
}

/// A cell as CSV; null is an empty cell.
fn cell(value: &Option<String>) -> String {
    let text = value.as_deref().unwrap_or_default();
    match text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::Cells;
    use super::*;
    use crate::testing::spec_of;

    fn outcome(rows: &[(&str, Option<&str>)]) -> CaseOutcome {
        let cells = |(key, value): &(&str, Option<&str>)| -> Cells {
            vec![Some((*key).to_owned()), value.map(str::to_owned)]
        };
        CaseOutcome {
            name: "case".into(),
            title: "title".into(),
            row_count: rows.len(),
            columns: vec!["k".into(), "v".into()],
            actual: rows.iter().map(cells).collect(),
            origin: Origin::Absent,
            differences: Vec::new(),
        }
    }

    fn folder(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("huiliu-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        path
    }

    #[test]
    fn what_is_written_bears_the_mark_and_comes_back() {
        let spec = spec_of(&[("k", "string"), ("v", "string")], "");
        let folder = folder("expected-written");
        let rows = [("a", Some("1, 2")), ("b", None), ("c", Some("\u{8bf4} \"x\"\nnext"))];
        update(&spec, &folder, &outcome(&rows)).expect("written");
        let text = std::fs::read_to_string(folder.join(FILE)).expect("a file");
        let expected = format!("{MARK}\nk,v\na,\"1, 2\"\nb,\nc,\"\u{8bf4} \"\"x\"\"\nnext\"\n");
        assert_eq!(text, expected);
        let read = Expected::read(&spec, &folder).expect("readable");
        assert_eq!((read.origin, read.rows.num_rows()), (Origin::Generated, 3));
        std::fs::write(folder.join(FILE), "k,v\na,1\n").expect("written");
        assert_eq!(Expected::read(&spec, &folder).expect("readable").origin, Origin::ByHand);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn rows_that_would_not_come_back_are_not_written() {
        let spec = spec_of(&[("k", "string"), ("v", "string")], "");
        let folder = folder("expected-refused");
        for rows in [[("a", Some("")), ("b", None)], [("a", None), ("a", Some("1"))]] {
            let error = update(&spec, &folder, &outcome(&rows)).expect_err("refused");
            assert!(error.message.contains("cannot hold the yielded rows"), "{}", error.message);
        }
        assert_eq!(Expected::read(&spec, &folder).expect("none").origin, Origin::Absent);
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
