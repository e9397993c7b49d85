//! The first rows of a file of which no contract is known yet.
//!
//! Every column of the file is taken, as text. CSV and Parquet give objects whose members are
//! the columns by position (`"0"`, `"1"` …); JSON lines give their records as they are.

use super::{Ask, Delivery, Looked, look};
use crate::chunk::Chunk;
use crate::csv::Layout;
use crate::encoding::Encoding;
use crate::error::{refused, unreadable};
use crate::header::Header;
use crate::kind::{BOM, Form, Kind, kind_of};
use crate::rows::Rows;
use crate::source::Meter;
use crate::table::Shape;
use huiliu_model::contract::{
    Column, DataType, Format, Freshness, Grade, Group, Land, Mode, OnFail, Protect,
};
use huiliu_model::{Contract, Error, Records};
use std::fs::File;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Bytes of a sample at most, whatever rows were asked for.
const SAMPLE_BYTES_MAX: usize = 64 << 20;

/// The first rows of a file.
#[derive(Debug)]
pub struct Sampled {
    pub kind: Kind,
    pub encoding: Option<Encoding>,
    /// Columns of CSV and Parquet as the header has them; none for JSON lines.
    pub names: Vec<String>,
    pub records: Records,
}

/// Reads the first rows of a file that no contract describes. Blocks, and reads all of the file
/// once.
///
/// # Errors
/// `Invalid`, `Denied` or `Unavailable` when it cannot be read; `Contract` when it is empty,
/// damaged, or no table of rows.
pub fn sample(ask: &Ask, row_count_max: usize) -> Result<Sampled, Error> {
    let shown = ask.path.display().to_string();
    let (meter, never) = (Arc::new(Meter::default()), CancellationToken::new());
    let looked = look(&ask.path, &meter, &never).map_err(|e| unreadable(&shown, e))?;
    let Some(looked) = looked.filter(|looked| !looked.head.is_empty()) else {
        return Err(refused(&shown, "is empty", "take a file with some rows"));
    };
    let kind = kind_of(ask.kind, &ask.path, &looked.head, &shown)?;
    let mut delivery = Delivery {
        kind,
        form: Form::Plain,
        encoding: None,
        header: None,
        bytes: looked.bytes,
        sm3: looked.sm3.clone(),
        row_count: None,
        packing: looked.packing,
        layout: None,
        preamble_bytes: 0,
        row_bytes_max: ask.row_bytes_max,
        path: ask.path.clone(),
        spool: None,
        shown,
    };
    let names = match kind {
        Kind::Parquet => {
            let file = File::open(&ask.path).map_err(|e| unreadable(&delivery.shown, e))?;
            Shape::of(file, &delivery.shown)?.names
        }
        Kind::Csv => delivery.blind_layout(&looked, ask.encoding)?,
        Kind::JsonLines => {
            delivery.blind_text(&looked, ask.encoding);
            Vec::new()
        }
    };
    if kind != Kind::JsonLines {
        let columns = (0..names.len()).map(Some).collect();
        delivery.header = Some(Header { columns, ignored: Vec::new(), absent: Vec::new() });
    }
    let records = first_rows(&delivery, &contract_of(names.len()), row_count_max)?;
    Ok(Sampled { kind, encoding: delivery.encoding, names, records })
}

/// The first rows of a delivery, as its source would hand them over.
///
/// # Errors
/// When the file cannot be read any further.
pub fn first_rows(
    delivery: &Delivery,
    contract: &Contract,
    row_count_max: usize,
) -> Result<Records, Error> {
    let meter = Arc::new(Meter::default());
    let mut rows = Rows::open(delivery, contract, 0, &meter, &CancellationToken::new())?;
    let mut chunk = Chunk::new(contract.dataset.clone(), delivery.partition(), 0, 0);
    let mut row_count = 0;
    while row_count < row_count_max
        && chunk.charge() < SAMPLE_BYTES_MAX
        && rows.next(&mut chunk, delivery)?
    {
        row_count += 1;
    }
    Ok(chunk.take())
}

impl Delivery {
    fn blind_text(&mut self, looked: &Looked, said: Option<Encoding>) {
        let has_mark = looked.head.starts_with(BOM);
        self.preamble_bytes = if has_mark { BOM.len() } else { 0 };
        let encoding = if has_mark { Encoding::Utf8 } else { looked.encoding };
        self.encoding = Some(said.unwrap_or(encoding));
    }

    /// The header of a CSV file, parted by the delimiter that makes most columns.
    fn blind_layout(
        &mut self,
        looked: &Looked,
        said: Option<Encoding>,
    ) -> Result<Vec<String>, Error> {
        self.blind_text(looked, said);
        let text = &looked.head[self.preamble_bytes..];
        let blank = text.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let is_whole = looked.unpacked_bytes == looked.head.len() as u64;
        let encoding = self.encoding.unwrap_or(Encoding::Utf8);
        let layout = Layout::find(&text[blank..], encoding, is_whole, &contract_of(0));
        let Some(layout) = layout else {
            let help = "is the file CSV, and its first quote closed?";
            return Err(refused(&self.shown, "has no header line", help));
        };
        self.preamble_bytes += blank + layout.bytes;
        let names = layout.names.clone();
        self.layout = Some(layout);
        Ok(names)
    }
}

/// A contract of so many columns of text, called by their positions.
fn contract_of(column_count: usize) -> Contract {
    let column = |index: usize| Column {
        name: index.to_string(),
        title: index.to_string(),
        data_type: DataType::String,
        required: false,
        unit: None,
        grade: Grade::L4,
        protect: Protect::Keep,
        rules: Vec::new(),
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    };
    Contract {
        dataset: "sample".into(),
        title: String::new(),
        provider: String::new(),
        group: Group::Pool,
        cycle: None,
        kafka_topics: "sample".into(),
        format: Format::Json,
        epoch: 0,
        mode: Mode::Append,
        columns: (0..column_count).map(column).collect(),
        key: Vec::new(),
        bucket_by: Vec::new(),
        buckets: 1,
        checks: Vec::new(),
        stop_if: None,
        drift: huiliu_model::DriftPolicy::default(),
        land: Land::default(),
        freshness: Freshness::default(),
    }
}
