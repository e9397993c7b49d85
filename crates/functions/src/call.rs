//! One call of a function over a batch: its arguments as typed columns, its result as an array.

use crate::entry::{Entry, unknown};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array,
    LargeStringArray, StringArray, StringBuilder, StringViewArray,
};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use std::borrow::Cow;
use std::sync::Arc;

/// The arguments of one call, as many rows each or one for all.
pub(crate) struct Call<'a> {
    pub entry: &'static Entry,
    pub arguments: &'a [ColumnarValue],
    pub row_count: usize,
}

/// A column of text, or one text for all rows.
pub(crate) enum Texts<'a> {
    Constant(Option<&'a str>),
    Small(&'a StringArray),
    Large(&'a LargeStringArray),
    View(&'a StringViewArray),
}

impl<'a> Texts<'a> {
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Constant(text) => *text,
            Self::Small(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// A column of words that mean something, or one word for all rows.
pub(crate) enum Words<'a, T> {
    Constant(Option<T>),
    Column(Texts<'a>, fn(&str) -> Option<T>, &'static Entry, usize),
}

impl<T: Copy> Words<'_, T> {
    /// The meaning in one row; null for null.
    ///
    /// # Errors
    /// For a word that means nothing.
    #[inline]
    pub fn get(&self, row: usize) -> Result<Option<T>> {
        match self {
            Self::Constant(meaning) => Ok(*meaning),
            Self::Column(texts, lookup, entry, index) => {
                let Some(word) = texts.get(row) else { return Ok(None) };
                match lookup(word) {
                    Some(meaning) => Ok(Some(meaning)),
                    None => Err(unknown(entry, *index, word)),
                }
            }
        }
    }
}

/// A column of numbers or dates, or one for all rows.
pub(crate) enum Numbers<'a, T, A> {
    Constant(Option<T>),
    Column(&'a A),
}

pub(crate) type Dates<'a> = Numbers<'a, i32, Date32Array>;
pub(crate) type Doubles<'a> = Numbers<'a, f64, Float64Array>;
pub(crate) type Wholes<'a> = Numbers<'a, i64, Int64Array>;

macro_rules! get {
    ($t:ty, $a:ty) => {
        impl Numbers<'_, $t, $a> {
            #[inline]
            pub fn get(&self, row: usize) -> Option<$t> {
                match self {
                    Self::Constant(value) => *value,
                    Self::Column(array) => array.is_valid(row).then(|| array.value(row)),
                }
            }
        }
    };
}

get!(i32, Date32Array);
get!(f64, Float64Array);
get!(i64, Int64Array);

impl<'a> Call<'a> {
    pub fn has(&self, index: usize) -> bool {
        index < self.arguments.len()
    }

    pub fn texts(&self, index: usize) -> Result<Texts<'a>> {
        match &self.arguments[index] {
            ColumnarValue::Scalar(
                ScalarValue::Utf8(text)
                | ScalarValue::LargeUtf8(text)
                | ScalarValue::Utf8View(text),
            ) => Ok(Texts::Constant(text.as_deref())),
            ColumnarValue::Array(array) => match array.data_type() {
                DataType::Utf8 => Ok(Texts::Small(array.as_string())),
                DataType::LargeUtf8 => Ok(Texts::Large(array.as_string())),
                DataType::Utf8View => Ok(Texts::View(array.as_string_view())),
                other => self.mistyped(index, other),
            },
            ColumnarValue::Scalar(other) => self.mistyped(index, &other.data_type()),
        }
    }

    /// Words by their meaning; a word for all rows is looked up once.
    pub fn words<T: Copy>(
        &self,
        index: usize,
        lookup: fn(&str) -> Option<T>,
    ) -> Result<Words<'a, T>> {
        match self.texts(index)? {
            Texts::Constant(None) => Ok(Words::Constant(None)),
            Texts::Constant(Some(word)) => match lookup(word) {
                Some(meaning) => Ok(Words::Constant(Some(meaning))),
                None => Err(unknown(self.entry, index, word)),
            },
            column => Ok(Words::Column(column, lookup, self.entry, index)),
        }
    }

    /// Dates as days since 1970-01-01; null for an argument that is left out.
    pub fn dates(&self, index: usize) -> Result<Dates<'a>> {
        match self.arguments.get(index) {
            None => Ok(Numbers::Constant(None)),
            Some(ColumnarValue::Scalar(ScalarValue::Date32(day))) => Ok(Numbers::Constant(*day)),
            Some(ColumnarValue::Array(array)) if array.data_type() == &DataType::Date32 => {
                Ok(Numbers::Column(array.as_primitive::<Date32Type>()))
            }
            Some(other) => self.mistyped(index, &other.data_type()),
        }
    }

    pub fn doubles(&self, index: usize) -> Result<Doubles<'a>> {
        match &self.arguments[index] {
            ColumnarValue::Scalar(ScalarValue::Float64(value)) => Ok(Numbers::Constant(*value)),
            ColumnarValue::Array(array) if array.data_type() == &DataType::Float64 => {
                Ok(Numbers::Column(array.as_primitive::<Float64Type>()))
            }
            other => self.mistyped(index, &other.data_type()),
        }
    }

    /// Whole numbers; null for an argument that is left out.
    pub fn wholes(&self, index: usize) -> Result<Wholes<'a>> {
        match self.arguments.get(index) {
            None => Ok(Numbers::Constant(None)),
            Some(ColumnarValue::Scalar(ScalarValue::Int64(value))) => Ok(Numbers::Constant(*value)),
            Some(ColumnarValue::Array(array)) if array.data_type() == &DataType::Int64 => {
                Ok(Numbers::Column(array.as_primitive::<Int64Type>()))
            }
            Some(other) => self.mistyped(index, &other.data_type()),
        }
    }

    fn mistyped<T>(&self, index: usize, found: &DataType) -> Result<T> {
        exec_err!("{}: argument {} is of type {found}", self.entry.name, index + 1)
    }

    pub fn truths(&self, mut of_row: impl FnMut(usize) -> Option<bool>) -> Result<ArrayRef> {
        let rows = (0..self.row_count).map(&mut of_row);
        Ok(Arc::new(rows.collect::<BooleanArray>()))
    }

    pub fn days(&self, mut of_row: impl FnMut(usize) -> Option<i32>) -> Result<ArrayRef> {
        let rows = (0..self.row_count).map(&mut of_row);
        Ok(Arc::new(rows.collect::<Date32Array>()))
    }

    pub fn counts(&self, mut of_row: impl FnMut(usize) -> Option<i64>) -> Result<ArrayRef> {
        let rows = (0..self.row_count).map(&mut of_row);
        Ok(Arc::new(rows.collect::<Int64Array>()))
    }

    /// Texts; what is borrowed is copied once, into the array.
    pub fn strings<'t>(
        &self,
        mut of_row: impl FnMut(usize) -> Result<Option<Cow<'t, str>>>,
    ) -> Result<ArrayRef> {
        let mut strings = StringBuilder::with_capacity(self.row_count, self.row_count * 16);
        for row in 0..self.row_count {
            strings.append_option(of_row(row)?);
        }
        Ok(Arc::new(strings.finish()))
    }
}
