//! From sample records to a proposed pipeline file.
//!
//! ```text
//! sample ─► words ─► type and rule per column ─► grade ─► key, mode ─► YAML with its reasons
//!  cells    of names  tried on every value       upwards   unique       that `validate` accepts
//! ```
//!
//! Owns every guess: names from Chinese headers, types, rules, units, grades, the key. A guess
//! needs evidence in the values, or a word in the name, and the file says which; a doubt goes
//! upwards in the grade. It does no I/O, and no value of grade L3 or L4 stands in what it writes.

mod column;
mod grade;
mod key;
mod rules;
mod sample;
mod words;
mod yaml;

pub use column::Guess;
pub use sample::{Cell, Field, Logical, Sample};

use huiliu_model::contract::{Format, Group, Mode};

/// What the caller knows of the dataset.
#[derive(Debug, Clone)]
pub struct Ask {
    pub dataset: String,
    /// Chinese name; the dataset's name where it is not known.
    pub title: Option<String>,
    pub group: Group,
    pub format: Format,
}

/// A proposed contract.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub ask: Ask,
    pub columns: Vec<Guess>,
    /// Columns of the key, by index; all of them are required.
    pub key: Vec<usize>,
    /// Why this key.
    pub key_why: String,
    pub mode: Mode,
    pub mode_why: &'static str,
    /// Fields that no column could be made of, and why.
    pub left_out: Vec<(String, String)>,
    /// Rows of the sample.
    pub row_count: usize,
}

impl Proposal {
    /// The text of the pipeline file.
    pub fn to_yaml(&self) -> String {
        yaml::write(self)
    }
}

/// Proposes a contract; `None` when no column can be made of the sample.
pub fn propose(sample: &Sample, ask: Ask) -> Option<Proposal> {
    let (names, left_out) = column::names(sample);
    let mut columns: Vec<Guess> = names
        .into_iter()
        .map(|(index, name)| column::guess(&sample.fields[index], index, name))
        .collect();
    if columns.is_empty() {
        return None;
    }
    for column in columns.iter_mut().filter(|_| sample.is_named) {
        let field = &sample.fields[column.field].header;
        column.from = Some(field.clone()).filter(|field| *field != column.name);
    }
    column::relate(&mut columns, sample);
    grade::assign(&mut columns);
    let (key, key_why) = key::find(&columns, sample);
    for index in &key {
        columns[*index].is_required = true;
    }
    grade::protect_key(&mut columns, &key);
    let (mode, mode_why) = key::mode(&columns, &key, sample);
    let row_count = sample.row_count;
    Some(Proposal { ask, columns, key, key_why, mode, mode_why, left_out, row_count })
}
