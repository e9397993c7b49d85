//! An entry as DataFusion calls it: arity and types when planned, arrays when run.

use crate::call::Call;
use crate::entry::{Entry, Kind, unknown};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The function of an entry.
pub(crate) fn of(entry: &'static Entry) -> ScalarUDF {
    let signature = Signature::user_defined(Volatility::Immutable);
    ScalarUDF::new_from_impl(Function { entry, signature })
}

#[derive(Debug)]
struct Function {
    entry: &'static Entry,
    signature: Signature,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.entry.name == other.entry.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entry.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.entry.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, found: &[DataType]) -> Result<Vec<DataType>> {
        let entry = self.entry;
        let most = entry.arguments.len();
        if found.len() > most || found.len() < most - entry.optional {
            return plan_err!("it is {}, not with {} arguments", entry.signature(), found.len());
        }
        let pairs = found.iter().zip(entry.arguments);
        pairs.map(|(found, (name, kind))| coerced(entry, name, *kind, found)).collect()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.entry.returns.to_arrow())
    }

    /// Refuses words that mean nothing before a row is read.
    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        for (index, value) in arguments.scalar_arguments.iter().enumerate() {
            let words = self.entry.arguments.get(index).and_then(|(_, kind)| kind.words());
            let Some(word) = value.and_then(|value| value.try_as_str()).flatten() else { continue };
            if words.is_some_and(|words| !words.contains(&word)) {
                return Err(unknown(self.entry, index, word));
            }
        }
        Ok(Arc::new(Field::new(self.entry.name, self.entry.returns.to_arrow(), true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant =
            arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let call = Call {
            entry: self.entry,
            arguments: &arguments.args,
            row_count: if is_constant { 1 } else { arguments.number_rows },
        };
        let array = (self.entry.kernel)(&call)?;
        if array.len() != call.row_count {
            return exec_err!("{}: {} rows of {}", self.entry.name, array.len(), call.row_count);
        }
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

/// The type an argument is brought to. Nothing is made text that is none: a number has lost its
/// leading zeros by then, and an instant has a day only in a zone.
fn coerced(entry: &Entry, name: &str, kind: Kind, found: &DataType) -> Result<DataType> {
    use DataType as T;
    let wanted = kind.to_arrow();
    let (fits, cast) = match (kind, found) {
        (_, T::Null) => (true, None),
        (_, T::Dictionary(_, value)) => return coerced(entry, name, kind, value),
        (
            Kind::Text | Kind::Rule | Kind::List | Kind::Mask,
            T::Utf8 | T::LargeUtf8 | T::Utf8View,
        ) => {
            return Ok(found.clone());
        }
        (Kind::Text | Kind::Rule | Kind::List | Kind::Mask, _) => (false, Some("VARCHAR")),
        (Kind::Date, T::Date32 | T::Date64 | T::Utf8 | T::LargeUtf8 | T::Utf8View) => (true, None),
        (Kind::Date, _) => (false, Some("DATE")),
        (Kind::Whole, found) => (found.is_integer(), Some("BIGINT")),
        (_, found) => (found.is_numeric(), Some("DOUBLE")),
    };
    if fits {
        return Ok(wanted);
    }
    let cast = cast.unwrap_or("VARCHAR");
    plan_err!(
        "{}: {name} is {}, not {found}; write CAST(… AS {cast}) if that is what you mean",
        entry.name,
        kind.label()
    )
}
