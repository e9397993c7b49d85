//! The hash of everything but inputs and parameters that decides the rows of a table.
//!
//! Its query and checks, the views they may use, the dimensions that ship with the project, and
//! how the table is laid out and reached. When one of them changes, the table is built in full.

use crate::catalogue::Catalogue;
use arrow::row::{RowConverter, SortField};
use huiliu_spec::table::{InputKind, TableSpec};
use xxhash_rust::xxh3::Xxh3;

/// Counts the rules by which records are made: what they hold of a plan is of these rules.
const RULES: u8 = 1;

/// xxh3-64, hexadecimal.
pub fn of(spec: &TableSpec, catalogue: &Catalogue) -> String {
    let mut hash = Xxh3::new();
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(&[RULES]);
    add(spec.query.as_bytes());
    for check in &spec.checks {
        add(check.name.as_bytes());
        add(check.sql.as_bytes());
    }
    for view in catalogue.views() {
        add(view.name.as_bytes());
        add(view.sql.as_bytes());
    }
    let columns: Vec<_> = spec.columns.iter().map(|c| (&c.name, &c.data_type)).collect();
    let declared = (&spec.key, &spec.identity, spec.buckets, &spec.inputs, columns);
    add(format!("{declared:?}").as_bytes());
    for input in spec.inputs.iter().filter(|i| i.kind == InputKind::Dimension) {
        let Some(dimension) = catalogue.dimension(&input.name) else { continue };
        let rows = &dimension.rows;
        let fields = rows.columns().iter().map(|c| SortField::new(c.data_type().clone()));
        let rows = RowConverter::new(fields.collect())
            .and_then(|converter| converter.convert_columns(rows.columns()));
        // A dimension of a type without an order would only be rebuilt too rarely; there is none.
        for row in rows.iter().flatten() {
            add(row.as_ref());
        }
    }
    format!("{:016x}", hash.digest())
}
