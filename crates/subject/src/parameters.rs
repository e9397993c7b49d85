//! Parameters of a query: named, typed, bound as values.
//!
//! A parameter never becomes part of the SQL text. Text from the command line is converted to the
//! declared type first and refused when it does not fit.

use crate::schema::arrow_type;
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use datafusion::common::{ParamValues, ScalarValue};
use huiliu_model::{Error, ErrorKind};
use huiliu_spec::table::TableSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values of all parameters of one table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bound {
    values: BTreeMap<String, ScalarValue>,
    texts: BTreeMap<String, String>,
}

impl Bound {
    /// Binds `given` texts, and defaults where none is given, to the parameters of `spec`.
    ///
    /// # Errors
    /// `Invalid` for a name the table does not declare, a value of another type, or a missing one.
    pub fn new(spec: &TableSpec, given: &BTreeMap<String, String>) -> Result<Self, Error> {
        let table = spec.full_name();
        if let Some(name) = given.keys().find(|n| spec.parameters.iter().all(|p| p.name != **n)) {
            let declared: Vec<_> = spec.parameters.iter().map(|p| p.name.as_str()).collect();
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("table {table} has no parameter `{name}`, it declares {declared:?}"),
            ));
        }
        let mut bound = Self::default();
        for parameter in &spec.parameters {
            let name = &parameter.name;
            let text = given.get(name).or(parameter.default.as_ref()).ok_or_else(|| {
                Error::new(ErrorKind::Invalid, format!("table {table} needs parameter `{name}`"))
                    .help(format!("give it: --param {name}=VALUE, of type {}", parameter.data_type))
            })?;
            let value = typed(text, &parameter.data_type).ok_or_else(|| {
                Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "parameter `{name}` is of type {}, found `{text}`",
                        parameter.data_type
                    ),
                )
            })?;
            bound.values.insert(name.clone(), value);
            bound.texts.insert(name.clone(), text.clone());
        }
        Ok(bound)
    }

    /// As given, for the record of a build.
    pub fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    pub fn value(&self, name: &str) -> Option<&ScalarValue> {
        self.values.get(name)
    }

    pub(crate) fn values(&self) -> ParamValues {
        let pairs: Vec<_> = self.values.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        pairs.into()
    }
}

pub(crate) fn typed(text: &str, data_type: &str) -> Option<ScalarValue> {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let value = cast_with_options(&texts, &arrow_type(data_type)?, &strict).ok()?;
    if value.is_null(0) {
        return None;
    }
    ScalarValue::try_from_array(&value, 0).ok()
}
