//! A set of identities, and membership in it as a function of SQL plans.
//!
//! Owns [`Keys`]: distinct tuples of values, compared as values and not as text; null is a value
//! like any other. [`Keys::contain`] is a filter over columns that the engine moves towards the
//! tables, where [`crate::lookup`] recognises it and reads only what is asked for.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::common::{HashSet, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::ident;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

const FUNCTION: &str = "among_identities";

/// Distinct tuples of values.
pub struct Keys {
    converter: RowConverter,
    types: Vec<DataType>,
    set: HashSet<Box<[u8]>>,
}

impl std::fmt::Debug for Keys {
    /// Without the values, which may be what nobody should read in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys of {:?}", self.set.len(), self.types)
    }
}

impl Keys {
    /// An empty set of tuples of these types.
    ///
    /// # Errors
    /// For a type without an order.
    pub fn new(types: Vec<DataType>) -> Result<Self, ArrowError> {
        let fields = types.iter().cloned().map(SortField::new).collect();
        Ok(Self { converter: RowConverter::new(fields)?, types, set: HashSet::new() })
    }

    pub fn len(&self) -> usize {
        self.set.len()
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub fn types(&self) -> &[DataType] {
        &self.types
    }

    /// Adds the tuples that the columns hold row by row.
    ///
    /// # Errors
    /// For columns of another number or type.
    pub fn insert(&mut self, columns: &[ArrayRef]) -> Result<(), ArrowError> {
        let rows = self.converter.convert_columns(&self.suited(columns)?)?;
        for row in &rows {
            if !self.set.contains(row.as_ref()) {
                self.set.insert(row.as_ref().into());
            }
        }
        Ok(())
    }

    /// Which rows of the columns are in the set.
    ///
    /// # Errors
    /// For columns of another number or type.
    pub fn mask(&self, columns: &[ArrayRef]) -> Result<BooleanArray, ArrowError> {
        let rows = self.converter.convert_columns(&self.suited(columns)?)?;
        Ok(rows.iter().map(|row| Some(self.set.contains(row.as_ref()))).collect())
    }

    /// The tuples in their order, as columns with these names.
    ///
    /// # Errors
    /// When there are not as many names as columns.
    pub fn batch(&self, names: &[String]) -> Result<RecordBatch, ArrowError> {
        let mut sorted: Vec<&Box<[u8]>> = self.set.iter().collect();
        sorted.sort_unstable();
        let parser = self.converter.parser();
        let columns = self.converter.convert_rows(sorted.iter().map(|row| parser.parse(row)))?;
        let fields: Vec<Field> =
            names.iter().zip(&self.types).map(|(n, t)| Field::new(n, t.clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }

    /// The tuples of `every` n-th place in their order: a sample that is spread over them.
    ///
    /// # Errors
    /// For a type without an order.
    pub fn thinned(&self, count: usize) -> Result<Keys, ArrowError> {
        let mut sorted: Vec<&Box<[u8]>> = self.set.iter().collect();
        sorted.sort_unstable();
        let step = sorted.len().div_ceil(count.max(1)).max(1);
        let mut kept = Self::new(self.types.clone())?;
        kept.set = sorted.into_iter().step_by(step).cloned().collect();
        Ok(kept)
    }

    fn suited(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>, ArrowError> {
        if columns.len() != self.types.len() {
            let (found, wanted) = (columns.len(), self.types.len());
            let message = format!("{found} columns are compared with keys of {wanted}");
            return Err(ArrowError::InvalidArgumentError(message));
        }
        columns.iter().zip(&self.types).map(|(column, to)| cast(column, to)).collect()
    }

    /// The filter "the columns of this row are in the set".
    pub fn contain(self: &Arc<Self>, columns: &[String]) -> Expr {
        Among::call(columns, Some(Arc::clone(self)))
    }

    /// The filter "the columns of this row are in a set that is told when the plan runs": it can be
    /// moved in a plan, not evaluated.
    pub fn contain_later(columns: &[String]) -> Expr {
        Among::call(columns, None)
    }
}

/// One column of several batches, as one array.
pub(crate) fn column_of(batches: &[RecordBatch], name: &str) -> Result<ArrayRef, ArrowError> {
    let find = |batch: &RecordBatch| {
        batch.column_by_name(name).cloned().ok_or_else(|| {
            ArrowError::SchemaError(format!("column `{name}` is not among the rows"))
        })
    };
    let found = batches.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    concat(&found.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

#[derive(Debug)]
pub(crate) struct Among {
    signature: Signature,
    /// `None` as long as the set is not told.
    keys: Option<Arc<Keys>>,
}

impl Among {
    fn call(columns: &[String], keys: Option<Arc<Keys>>) -> Expr {
        let signature = Signature::variadic_any(Volatility::Immutable);
        let function = ScalarUDF::new_from_impl(Self { signature, keys });
        function.call(columns.iter().map(ident).collect())
    }

    fn of(expression: &Expr) -> Option<(&Self, &[Expr])> {
        let Expr::ScalarFunction(call) = expression else { return None };
        Some((call.func.inner().downcast_ref::<Self>()?, &call.args))
    }

    fn place(&self) -> Option<*const Keys> {
        self.keys.as_ref().map(Arc::as_ptr)
    }
}

impl PartialEq for Among {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Among {}

impl Hash for Among {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place().hash(state);
    }
}

/// Columns and set of a filter that [`Keys::contain`] made over plain columns.
pub(crate) fn recognise(filter: &Expr) -> Option<(Vec<String>, Arc<Keys>)> {
    let (among, arguments) = Among::of(filter)?;
    Some((plain(arguments)?, Arc::clone(among.keys.as_ref()?)))
}

/// Columns of a filter that [`Keys::contain_later`] made over plain columns.
pub(crate) fn later(filter: &Expr) -> Option<Vec<String>> {
    let (_, arguments) = Among::of(filter).filter(|(among, _)| among.keys.is_none())?;
    plain(arguments)
}

/// Whether this is a filter of [`Keys::contain_later`], over whatever.
pub(crate) fn is_later(expression: &Expr) -> bool {
    Among::of(expression).is_some_and(|(among, _)| among.keys.is_none())
}

fn plain(arguments: &[Expr]) -> Option<Vec<String>> {
    let column = |argument: &Expr| match argument {
        Expr::Column(column) => Some(column.name.clone()),
        _ => None,
    };
    arguments.iter().map(column).collect()
}

impl ScalarUDFImpl for Among {
    fn name(&self) -> &str {
        FUNCTION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(keys) = &self.keys else { return exec_err!("{FUNCTION}: no set was told") };
        let rows = arguments.number_rows;
        let columns =
            arguments.args.iter().map(|c| c.to_array(rows)).collect::<Result<Vec<_>>>()?;
        match keys.mask(&columns) {
            Ok(mask) => Ok(ColumnarValue::Array(Arc::new(mask))),
            Err(error) => exec_err!("{FUNCTION}: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int32Array, StringArray};

    fn columns(texts: &[Option<&str>], numbers: &[i32]) -> Vec<ArrayRef> {
        vec![
            Arc::new(StringArray::from(texts.to_vec())),
            Arc::new(Int32Array::from(numbers.to_vec())),
        ]
    }

    #[test]
    fn tuples_are_members_as_wholes_and_null_is_a_value() {
        let mut keys = Keys::new(vec![DataType::Utf8, DataType::Int32]).expect("ordered");
        let held = [Some("a"), Some("b"), None, Some("a")];
        keys.insert(&columns(&held, &[1, 2, 3, 1])).expect("they fit");
        assert_eq!(keys.len(), 3);
        let asked = columns(&[Some("a"), Some("a"), None, Some("")], &[1, 2, 3, 3]);
        let mask = keys.mask(&asked).expect("they fit");
        assert_eq!(mask, BooleanArray::from(vec![true, false, true, false]));
        let names = ["t".to_owned(), "n".to_owned()];
        let batch = keys.batch(&names).expect("two names");
        assert_eq!(batch.column(1).as_ref(), &Int32Array::from(vec![3, 1, 2]), "nulls first");
    }

    #[test]
    fn a_sample_is_spread_and_no_larger_than_asked() {
        let mut keys = Keys::new(vec![DataType::Int32]).expect("ordered");
        let numbers: Vec<i32> = (0..10).collect();
        keys.insert(&[Arc::new(Int32Array::from(numbers))]).expect("they fit");
        let thin = keys.thinned(4).expect("ordered").batch(&["n".to_owned()]).expect("one name");
        assert_eq!(thin.column(0).as_ref(), &Int32Array::from(vec![0, 3, 6, 9]));
        assert_eq!(keys.thinned(99).expect("ordered").len(), 10);
    }
}
