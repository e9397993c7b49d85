//! Cast: the cells of one column become one typed Arrow column, judged on the way.
//!
//! A cell is looked at once: found in the arena, parsed, held against the column's rules, and
//! written into a builder of the right size. What was delivered in the wrong form but can be
//! understood is converted (and counted as fixed); what cannot is a failure of the cell.
//!
//! How a value is written is said by the record's schema, else by the contract's column
//! ([`encoded`]), and where neither does, by the format: dates and numbers as text or number, and
//! for Debezium what its numbers most likely are ([`debezium`]). Of a binary encoding a value
//! that is of the column's type is taken as it is ([`binary`]); any other is written as text first.

mod binary;
mod debezium;
mod encoded;
mod quick;
mod typed;

use crate::flags::Marks;
use crate::judge::{Bench, Failure, Plan, Tested, TextTest, Verdict};
use crate::rule::{self, Context, Outcome};
use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanBuilder, PrimitiveArray, StringBuilder};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use huiliu_model::contract::{Encoding, Format, NamedRule};
use huiliu_model::{Cell, CellKind, Changes, DataType, Op, Reason, Stage, Texts, Value};
use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

/// The cells of a chunk with what is known of its rows.
pub(crate) struct Chunk<'a> {
    arena: &'a [u8],
    texts: &'a Texts<'a>,
    /// The scratch as text where all of it is UTF-8, as nearly always.
    scratch_text: Option<&'a str>,
    changes: &'a Changes,
    format: Format,
    /// By row; empty when there is no delete.
    pub deletes: Vec<bool>,
    /// Day of the event in Asia/Shanghai, by row; [`NO_DAY`] where it is not known.
    event_days: Vec<i32>,
}

/// No event is that old.
const NO_DAY: i32 = i32::MIN;

/// A cell as delivered.
enum Given<'a> {
    Absent,
    Unavailable,
    Text(&'a str),
    Number(&'a str),
    Boolean(bool),
    Nested(&'a str),
    /// A number, an instant or bytes, as a binary encoding holds them.
    Binary(Value<'a>),
    /// A number of a binary encoding that no type can hold.
    Beyond,
    /// A text that is the value itself, whatever the delivered one was.
    Verbatim(&'a str),
    NotUtf8,
}

impl<'a> Chunk<'a> {
    pub fn new(texts: &'a Texts<'a>, changes: &'a Changes, format: Format) -> Self {
        let mut deletes: Vec<bool> = changes.rows.iter().map(|row| row.op == Op::Delete).collect();
        if !deletes.contains(&true) {
            deletes.clear();
        }
        let day = |micros: Option<i64>| {
            let day = micros.map(crate::judge::shanghai_day);
            day.and_then(|day| i32::try_from(day).ok()).unwrap_or(NO_DAY)
        };
        let event_days = changes.rows.iter().map(|row| day(row.event_time_us)).collect();
        let arena = &texts.records.arena[..];
        let scratch_text = simdutf8::basic::from_utf8(&changes.scratch).ok();
        Self { arena, texts, scratch_text, changes, format, deletes, event_days }
    }

    /// Rows of a column that follow each other and are written in one way.
    fn runs(&self, plan: &Plan) -> impl Iterator<Item = (Range<usize>, Encoding)> + use<'a> {
        let (changes, declared) = (self.changes, plan.encoding);
        let column = usize::from(plan.index);
        let starts = changes.dialects.iter().map(move |turn| {
            let said = turn.columns.get(column).copied().unwrap_or_default();
            (turn.from_row as usize, if said == Encoding::Unsaid { declared } else { said })
        });
        let mut starts = std::iter::once((0, declared)).chain(starts).peekable();
        std::iter::from_fn(move || {
            let (start, encoding) = starts.next()?;
            let end = starts.peek().map_or(changes.rows.len(), |(start, _)| *start);
            Some((start..end, encoding))
        })
    }

    fn cells(&self, plan: &Plan) -> &'a [Cell] {
        &self.changes.columns[usize::from(plan.index)]
    }

    fn event_day(&self, row: usize) -> Option<i32> {
        self.event_days.get(row).copied().filter(|day| *day != NO_DAY)
    }

    fn event_us(&self, row: usize) -> Option<i64> {
        self.changes.rows.get(row).and_then(|change| change.event_time_us)
    }

    fn context(&self, row: usize) -> Context {
        Context { event_date: self.event_day(row) }
    }

    #[inline]
    fn given(&self, cell: Cell) -> Given<'a> {
        match cell.kind {
            CellKind::Missing | CellKind::Null => return Given::Absent,
            CellKind::Unavailable => return Given::Unavailable,
            CellKind::True => return Given::Boolean(true),
            CellKind::False => return Given::Boolean(false),
            CellKind::Binary(binary) => {
                let value = binary.value(self.changes.bytes(self.arena, cell));
                return value.map_or(Given::Beyond, Given::Binary);
            }
            CellKind::Text | CellKind::Unescaped | CellKind::Number | CellKind::Nested => {}
        }
        match self.text(cell) {
            Some(text) if cell.kind == CellKind::Number => Given::Number(text),
            Some(text) if cell.kind == CellKind::Nested => Given::Nested(text),
            Some(text) => Given::Text(text),
            None => Given::NotUtf8,
        }
    }

    /// The bytes of a text or a number, which may be no UTF-8.
    #[inline(always)]
    fn written(&self, cell: Cell) -> Option<&'a [u8]> {
        let bytes = match cell.kind {
            CellKind::Text | CellKind::Number => self.arena,
            CellKind::Unescaped => &self.changes.scratch,
            _ => return None,
        };
        bytes.get(cell.start as usize..(cell.start + cell.len) as usize)
    }

    /// The text of a cell that has one; `None` if it is not UTF-8.
    #[inline]
    fn text(&self, cell: Cell) -> Option<&'a str> {
        let range = cell.start as usize..(cell.start + cell.len) as usize;
        match (cell.kind, self.scratch_text) {
            (CellKind::Binary(_), _) => None,
            (CellKind::Unescaped, Some(text)) => text.get(range),
            (CellKind::Unescaped, None) => {
                std::str::from_utf8(self.changes.bytes(self.arena, cell)).ok()
            }
            _ => self.texts.text(range),
        }
    }
}

/// The typed column of one plan, one value per row.
pub(crate) fn column(chunk: &Chunk<'_>, plan: &Plan, marks: &mut Marks) -> ArrayRef {
    let bench = Bench::new(plan, &chunk.deletes, marks);
    match plan.data_type {
        DataType::String => texts(chunk, plan, bench),
        DataType::Boolean => booleans(chunk, plan, bench),
        DataType::Integer => {
            primitives::<Int32Type>(chunk, plan, bench, (quick::integer, typed::integer))
        }
        DataType::Long => primitives::<Int64Type>(chunk, plan, bench, (quick::long, typed::long)),
        DataType::Double => {
            primitives::<Float64Type>(chunk, plan, bench, (quick::double, typed::double))
        }
        DataType::Date => primitives::<Date32Type>(chunk, plan, bench, (quick::date, typed::date)),
        DataType::Timestamp => {
            let ways = (quick::timestamp, typed::timestamp);
            primitives::<TimestampMicrosecondType>(chunk, plan, bench, ways)
        }
        DataType::Decimal { .. } => {
            primitives::<Decimal128Type>(chunk, plan, bench, (quick::decimal, typed::decimal))
        }
    }
}

/// Where one value of a typed column stands, and how it is written.
struct At<'c, 'a> {
    chunk: &'c Chunk<'a>,
    plan: &'c Plan,
    row: usize,
    encoding: Encoding,
}

fn primitives<T: ArrowPrimitiveType>(
    chunk: &Chunk<'_>,
    plan: &Plan,
    mut bench: Bench<'_>,
    (quick, read): (
        impl Fn(&At<'_, '_>, CellKind, &[u8]) -> Option<T::Native>,
        impl Fn(&At<'_, '_>, Given<'_>) -> Verdict<T::Native>,
    ),
) -> ArrayRef {
    let cells = chunk.cells(plan);
    let mut values = Vec::with_capacity(cells.len());
    let mut validity = Validity { rows: cells.len(), bits: None };
    let mut scratch = String::new();
    for (rows, encoding) in chunk.runs(plan) {
        for (row, cell) in rows.clone().zip(&cells[rows]) {
            let at = At { chunk, plan, row, encoding };
            let written = chunk.written(*cell);
            if let Some(value) = written.and_then(|bytes| quick(&at, cell.kind, bytes)) {
                bench.clean(row);
                values.push(value);
                continue;
            }
            let given = chunk.given(*cell);
            let verdict = match encoded::plainly(given, encoding, plan.data_type, &mut scratch) {
                Given::Absent => Verdict::Absent,
                Given::Unavailable => Verdict::Unavailable,
                given => read(&at, given),
            };
            let value = bench.settle(row, verdict);
            if value.is_none() {
                validity.set_null(row);
            }
            values.push(value.unwrap_or_default());
        }
    }
    let array = PrimitiveArray::<T>::new(values.into(), validity.finish());
    Arc::new(array.with_data_type(plan.data_type.to_arrow()))
}

/// Which rows have a value: all but some, and nothing is written for those that have.
struct Validity {
    rows: usize,
    bits: Option<Vec<u8>>,
}

impl Validity {
    fn set_null(&mut self, row: usize) {
        let bits = self.bits.get_or_insert_with(|| vec![u8::MAX; self.rows.div_ceil(8)]);
        bits[row / 8] &= !(1 << (row % 8));
    }

    fn finish(self) -> Option<NullBuffer> {
        let bits = BooleanBuffer::new(self.bits?.into(), 0, self.rows);
        Some(NullBuffer::new(bits))
    }
}

fn booleans(chunk: &Chunk<'_>, plan: &Plan, mut bench: Bench<'_>) -> ArrayRef {
    let cells = chunk.cells(plan);
    let mut builder = BooleanBuilder::with_capacity(cells.len());
    for (rows, encoding) in chunk.runs(plan) {
        for (row, cell) in rows.clone().zip(&cells[rows]) {
            if let CellKind::True | CellKind::False = cell.kind {
                bench.clean(row);
                builder.append_value(cell.kind == CellKind::True);
                continue;
            }
            let verdict = match chunk.given(*cell) {
                Given::Absent => Verdict::Absent,
                Given::Unavailable => Verdict::Unavailable,
                given => typed::boolean(&At { chunk, plan, row, encoding }, given),
            };
            builder.append_option(bench.settle(row, verdict));
        }
    }
    Arc::new(builder.finish())
}

fn texts(chunk: &Chunk<'_>, plan: &Plan, mut bench: Bench<'_>) -> ArrayRef {
    let cells = chunk.cells(plan);
    let bytes = cells.iter().map(|cell| cell.len as usize).sum();
    let mut builder = StringBuilder::with_capacity(cells.len(), bytes);
    let mut written = String::new();
    let mut scratch = String::new();
    for (rows, encoding) in chunk.runs(plan) {
        let short = quick::text_kind(plan, encoding);
        for (row, cell) in rows.clone().zip(&cells[rows]) {
            if let (Some(of), Some(text)) = (short, chunk.text(*cell))
                && quick::is_clean_text(plan, of, cell.kind, text)
            {
                bench.clean(row);
                builder.append_value(text);
                continue;
            }
            let given = chunk.given(*cell);
            let given = match encoded::plainly(given, encoding, plan.data_type, &mut scratch) {
                Given::Binary(value) => {
                    written.clear();
                    // Writing to memory does not fail.
                    let _ = write!(written, "{value}");
                    Given::Text(&written)
                }
                given => given,
            };
            let verdict = text(&At { chunk, plan, row, encoding }, given);
            match bench.settle(row, verdict) {
                Some(text) => builder.append_value(&text),
                None => builder.append_null(),
            }
        }
    }
    Arc::new(builder.finish())
}

fn text<'t>(at: &At<'_, '_>, given: Given<'t>) -> Verdict<Cow<'t, str>> {
    let plan = at.plan;
    let tidied = |text: &'t str| text_of(plan, text, &at.chunk.context(at.row));
    match given {
        Given::Absent => Verdict::Absent,
        Given::Unavailable => Verdict::Unavailable,
        Given::Verbatim(text) => hold(&plan.texts, Verdict::clean(Cow::Borrowed(text))),
        Given::Text(text) | Given::Number(text) | Given::Nested(text)
            if at.encoding == Encoding::Verbatim && plan.named.is_none() =>
        {
            hold(&plan.texts, Verdict::clean(Cow::Borrowed(text)))
        }
        Given::Text(text) | Given::Number(text) => tidied(text),
        Given::Boolean(true) => tidied("true"),
        Given::Boolean(false) => tidied("false"),
        Given::Nested(text) => Verdict::Failed(Failure {
            stage: Stage::Cast,
            reason: Reason::Type,
            rule: "type",
            kept: Some(Cow::Borrowed(text)),
        }),
        // What is binary has been written as text before, unless it is beyond any type.
        Given::Binary(_) | Given::Beyond => Verdict::untyped(Reason::Range),
        Given::NotUtf8 => Verdict::untyped(Reason::NotUtf8),
    }
}

fn text_of<'t>(plan: &Plan, text: &'t str, context: &Context) -> Verdict<Cow<'t, str>> {
    // A list knows its own null tokens and aliases; nothing needs to be tidied before it.
    let (outcome, rule, tests) = match (plan.named, &plan.texts[..]) {
        (None, [TextTest::CodeList(list), tests @ ..]) => (list.apply(text), "code_list", tests),
        (named, tests) => {
            let named = named.unwrap_or(NamedRule::Text);
            (rule::apply(named, text, context), plan.rule, tests)
        }
    };
    let fixed = outcome.is_fixed(text);
    let verdict = match outcome {
        Outcome::Ok(value) => Verdict::Value { value, fixed, flags: None, remark: None },
        Outcome::Warn(value, flags) => {
            Verdict::Value { value, fixed, flags: Some(flags), remark: None }
        }
        Outcome::Null(reason) => Verdict::Cleared(reason),
        Outcome::Err(reason) => Verdict::Failed(Failure {
            stage: Stage::Judge,
            reason,
            rule,
            // A text that has lost characters is no value, not even under `on_fail: warn` (D06).
            kept: (!text.contains('\u{fffd}')).then_some(Cow::Borrowed(text)),
        }),
    };
    hold(tests, verdict)
}

/// Holds a text against the column's tests.
fn hold<'t>(tests: &[TextTest], verdict: Verdict<Cow<'t, str>>) -> Verdict<Cow<'t, str>> {
    tests.iter().fold(verdict, |verdict, test| verdict.test(|value| test_text(test, value)))
}

fn test_text<'t>(test: &TextTest, value: Cow<'t, str>) -> Tested<Cow<'t, str>> {
    let (reason, rule) = match test {
        TextTest::CodeList(list) => match list.canonical(&value) {
            Some((_, false)) => return Tested::Passed(value),
            Some((code, true)) => return Tested::Changed(Cow::Borrowed(code)),
            None => (Reason::CodeUnknown, "code_list"),
        },
        TextTest::OneOf(values) if is_one_of(values, &value) => return Tested::Passed(value),
        TextTest::OneOf(values) => match value.strip_suffix(".0") {
            // A spreadsheet took the code for a number.
            Some(code) if is_one_of(values, code) => {
                return Tested::Changed(Cow::Owned(code.to_owned()));
            }
            _ => (Reason::CodeUnknown, "one_of"),
        },
        TextTest::Pattern(pattern) if pattern.is_match(&value) => return Tested::Passed(value),
        TextTest::Pattern(_) => (Reason::Pattern, "pattern"),
        TextTest::Length { min, max } if (*min..=*max).contains(&value.chars().count()) => {
            return Tested::Passed(value);
        }
        TextTest::Length { .. } => (Reason::Length, "length"),
    };
    Tested::Failed { reason, rule, value }
}

fn is_one_of(sorted: &[String], value: &str) -> bool {
    sorted.binary_search_by(|known| known.as_str().cmp(value)).is_ok()
}
