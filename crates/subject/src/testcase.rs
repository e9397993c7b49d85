//! Tests of a table: given rows, the query, expected rows.
//!
//! A case is a folder `tests/<case>/` of the table:
//!
//! ```text
//! case.yaml        title, parameters, and the arithmetic behind the expected values as comments
//! given/<input>.csv or .json   rows of that input; an input without a file is empty
//! expected.csv     the key and those columns the case is about, written by hand or marked
//! ```
//!
//! Given rows take their types from the contract; absent columns are null. Rows are compared as
//! a set by key, values as they print, so a double must be the very one that is written.

mod compare;
mod expected;

pub use compare::{Cells, Difference};
pub use expected::{Origin, update};

use crate::build::Build;
use crate::catalogue::{Catalogue, text};
use crate::memory::MemoryInputs;
use crate::parameters::Bound;
use crate::refresh::Declarations;
use crate::restrict::Sources;
use crate::rows;
use crate::schema;
use crate::session::{Budget, Sessions};
use arrow::datatypes::{Field, Fields};
use arrow::record_batch::RecordBatch;
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::{InputKind, TableSpec};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What one case found.
#[derive(Debug, Clone)]
pub struct CaseOutcome {
    /// Folder name of the case.
    pub name: String,
    pub title: String,
    /// Rows the query yielded.
    pub row_count: usize,
    /// Columns of `expected.csv`, which are compared.
    pub columns: Vec<String>,
    /// The yielded rows in these columns, in the order of the key.
    pub actual: Vec<Cells>,
    /// Who wrote the expected rows.
    pub origin: Origin,
    /// Empty when the case passes.
    pub differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    title: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// Folders of the cases of a table, by name.
///
/// # Errors
/// `Invalid` when the folder `tests` cannot be read.
pub fn cases(spec: &TableSpec) -> Result<Vec<PathBuf>, Error> {
    let folder = spec.dir.join("tests");
    let unreadable = |e: std::io::Error| invalid(&folder, "cannot be read").because(e);
    let mut found = Vec::new();
    if folder.exists() {
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs one case.
///
/// # Errors
/// `Invalid` for a case that cannot be read or a query that does not run; a difference between
/// rows is an outcome.
pub async fn run_case(
    spec: &TableSpec,
    folder: &Path,
    declared: Declarations<'_>,
) -> Result<CaseOutcome, Error> {
    let file = folder.join("case.yaml");
    let case: CaseFile = serde_saphyr::from_str(&text(&file)?)
        .map_err(|e| invalid(&file, "not a test case").because(e))?;
    let parameters = Bound::new(spec, &case.parameters)?;
    let (inputs, catalogue) = given(spec, folder, declared)?;

    let sessions = Sessions::new(&Budget::default(), catalogue.functions())?;
    let declared = Declarations { catalogue: &catalogue, ..declared };
    let sources = Sources::open(spec, declared, &inputs).await?;
    let build = Build {
        spec,
        catalogue: &catalogue,
        sources: &sources,
        sessions: &sessions,
        parameters: &parameters,
    };
    let actual = build.whole().await?;

    let expected = expected::Expected::read(spec, folder)?;
    let names = expected.names;
    let (differences, actual_rows) = compare::compare(spec, &names, &expected.rows, &actual)?;
    let row_count = actual.iter().map(RecordBatch::num_rows).sum();
    let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(CaseOutcome {
        name,
        title: case.title,
        row_count,
        columns: names,
        actual: actual_rows,
        origin: expected.origin,
        differences,
    })
}

/// The given rows; a dimension that the case gives takes the place of the one that ships.
fn given(
    spec: &TableSpec,
    folder: &Path,
    declared: Declarations<'_>,
) -> Result<(MemoryInputs, Catalogue), Error> {
    let mut inputs = MemoryInputs::default();
    let mut catalogue = declared.catalogue.clone();
    let folder = folder.join("given");
    let mut read = Vec::new();
    for input in &spec.inputs {
        let name = input.name.as_str();
        let fields = match input.kind {
            InputKind::Dimension => {
                catalogue.dimension(name).map(|d| owned(d.rows.schema().fields()))
            }
            InputKind::Table => {
                let table = declared.tables.iter().find(|t| t.full_name() == name);
                table.map(|table| owned(schema::declared(table).fields()))
            }
            InputKind::Dataset => declared
                .contracts
                .iter()
                .find(|c| *c.dataset == *name)
                .map(|contract| contract.stored_fields(false)),
        };
        let fields =
            fields.ok_or_else(|| invalid(&spec.dir, &format!("input `{name}` is not declared")))?;
        let Some(rows) = given_rows(&folder, name, &fields, &mut read)? else { continue };
        if input.kind == InputKind::Dimension {
            catalogue.replace_dimension(name, rows);
        } else {
            inputs.insert(name, vec![rows]);
        }
    }
    unread(&folder, &read)?;
    Ok((inputs, catalogue))
}

fn given_rows(
    folder: &Path,
    name: &str,
    fields: &[Field],
    read: &mut Vec<PathBuf>,
) -> Result<Option<RecordBatch>, Error> {
    let csv = folder.join(format!("{name}.csv"));
    let json = folder.join(format!("{name}.json"));
    let rows = if csv.exists() {
        rows::from_csv(&text(&csv)?, fields, &csv.display().to_string())?
    } else if json.exists() {
        rows::from_json(&text(&json)?, fields, &json.display().to_string())?
    } else {
        return Ok(None);
    };
    read.extend([csv, json]);
    Ok(Some(rows))
}

/// A file that no input reads is a misspelt name, and a test that tests less than it says.
fn unread(folder: &Path, read: &[PathBuf]) -> Result<(), Error> {
    let unreadable = |e: std::io::Error| invalid(folder, "cannot be read").because(e);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !read.contains(&path) {
            return Err(invalid(&path, "belongs to no input of the table"));
        }
    }
    Ok(())
}

fn owned(fields: &Fields) -> Vec<Field> {
    fields.iter().map(|f| f.as_ref().clone()).collect()
}

fn invalid(path: &Path, message: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("{}: {message}", path.display()))
}
