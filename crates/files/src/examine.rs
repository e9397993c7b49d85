//! Once through a file before a row of it is read: who it is, what it is, and whether rows of the
//! dataset can be in it at all.
//!
//! The SM3 of its bytes as delivered names its offsets, so it must be known first. The same pass
//! tells the encoding. Standard input goes to a temporary file on the way, because it cannot be
//! read twice.

mod blind;

pub use blind::{Sampled, first_rows, sample};

use crate::csv::Layout;
use crate::encoding::{Encoding, Vote};
use crate::error::{refused, unreadable};
use crate::header::{Header, expected};
use crate::kind::{BOM, Form, Kind, kind_of};
use crate::source::Meter;
use crate::stream::{Packing, Tapped};
use crate::table::Shape;
use huiliu_model::contract::Format;
use huiliu_model::{Contract, Error, Partition};
use serde_json::{Map, Value};
use sm3::{Digest, Sm3};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

/// Name of standard input among files.
pub const STANDARD_INPUT: &str = "-";
/// Bytes of the beginning by which kind, header and form are told.
const HEAD_BYTES: usize = 1 << 20;
const BLOCK_BYTES: usize = 256 << 10;
/// Hexadecimal digits of the SM3 in the name of a file's partition: 128 bits.
const NAME_DIGITS: usize = 32;

/// A file to be loaded, and what the caller says of it.
#[derive(Debug, Clone)]
pub struct Ask {
    /// A path, or [`STANDARD_INPUT`].
    pub path: PathBuf,
    /// `None`: found out.
    pub kind: Option<Kind>,
    /// `None`: found out.
    pub encoding: Option<Encoding>,
    /// A longer row is a reject.
    pub row_bytes_max: usize,
}

/// A file that was looked through and can be read as rows of a dataset.
#[derive(Debug)]
pub struct Delivery {
    /// How messages call it.
    pub shown: String,
    pub kind: Kind,
    pub form: Form,
    /// `None` for Parquet, whose texts are UTF-8 by its own definition.
    pub encoding: Option<Encoding>,
    /// Columns of CSV and Parquet.
    pub header: Option<Header>,
    /// Size as delivered.
    pub bytes: u64,
    /// SM3 of the bytes as delivered, 64 hexadecimal digits.
    pub sm3: String,
    /// Rows of Parquet; other kinds do not say.
    pub row_count: Option<u64>,
    pub(crate) packing: Packing,
    pub(crate) layout: Option<Layout>,
    /// Unpacked bytes before the first row: a byte order mark and the header.
    pub(crate) preamble_bytes: usize,
    pub(crate) row_bytes_max: usize,
    path: PathBuf,
    /// What standard input was written to; removed when it is dropped.
    spool: Option<NamedTempFile>,
}

impl Delivery {
    /// Where its rows stand in the recorded progress: `file/<32 digits of the SM3>`, number 0.
    pub fn partition(&self) -> Partition {
        Partition::new(format!("file/{}", &self.sm3[..NAME_DIGITS]), 0)
    }

    /// The contract under which its rows are decoded: this file is the only input, and plain rows
    /// are plain whatever the records of the Kafka topic look like.
    pub fn contract(&self, contract: &Contract) -> Contract {
        let mut own = contract.clone();
        own.kafka_topics = self.partition().kafka_topic.into();
        if self.form == Form::Plain {
            own.format = Format::Json;
        }
        own
    }

    pub(crate) fn path(&self) -> &Path {
        self.spool.as_ref().map_or(&self.path, NamedTempFile::path)
    }
}

/// Looks through a file; `None` when it was stopped. Blocks, and reads all of the file once.
///
/// # Errors
/// `Invalid`, `Denied` or `Unavailable` when it cannot be read; `Contract` when it is empty,
/// damaged, or cannot hold a row of the dataset.
pub fn examine(
    ask: &Ask,
    contract: &Contract,
    meter: &Arc<Meter>,
    stop: &CancellationToken,
) -> Result<Option<Delivery>, Error> {
    let is_input = ask.path.as_os_str() == STANDARD_INPUT;
    let shown = if is_input { "standard input".to_owned() } else { ask.path.display().to_string() };
    let spool =
        if is_input { Some(spooled(stop).map_err(|e| unreadable(&shown, e))?) } else { None };
    let path = spool.as_ref().map_or(ask.path.as_path(), NamedTempFile::path);
    let Some(looked) = look(path, meter, stop).map_err(|e| unreadable(&shown, e))? else {
        return Ok(None);
    };
    if looked.head.is_empty() {
        return Err(refused(&shown, "is empty", "have it delivered again"));
    }
    let kind = kind_of(ask.kind, &ask.path, &looked.head, &shown)?;
    let mut delivery = Delivery {
        kind,
        form: Form::Plain,
        encoding: None,
        header: None,
        bytes: looked.bytes,
        sm3: looked.sm3,
        row_count: None,
        packing: looked.packing,
        layout: None,
        preamble_bytes: 0,
        row_bytes_max: ask.row_bytes_max,
        path: ask.path.clone(),
        spool,
        shown,
    };
    if kind == Kind::Parquet {
        delivery.look_into_table(contract)?;
    } else {
        delivery.encoding = Some(ask.encoding.unwrap_or(looked.encoding));
        let is_whole = looked.unpacked_bytes == looked.head.len() as u64;
        delivery.look_into_text(&looked.head, is_whole, contract)?;
    }
    Ok(Some(delivery))
}

impl Delivery {
    fn look_into_table(&mut self, contract: &Contract) -> Result<(), Error> {
        if self.packing != Packing::None {
            return Err(refused(&self.shown, "is packed Parquet", "unpack it first"));
        }
        let file = File::open(self.path()).map_err(|e| unreadable(&self.shown, e))?;
        let shape = Shape::of(file, &self.shown)?;
        if shape.row_count == 0 {
            return Err(refused(&self.shown, "has no row", "have it delivered again"));
        }
        self.header = Some(Header::find(&shape.names, contract, &self.shown)?);
        self.row_count = Some(shape.row_count);
        Ok(())
    }

    fn look_into_text(
        &mut self,
        head: &[u8],
        is_whole: bool,
        contract: &Contract,
    ) -> Result<(), Error> {
        let mark = if head.starts_with(BOM) { BOM.len() } else { 0 };
        if mark > 0 {
            self.encoding = Some(Encoding::Utf8);
        }
        let encoding = self.encoding.unwrap_or(Encoding::Utf8);
        let text = &head[mark..];
        self.preamble_bytes = mark;
        if self.kind == Kind::JsonLines {
            self.form = form(text, is_whole, encoding, contract, &self.shown)?;
            return Ok(());
        }
        // Empty lines before the header belong to nothing.
        let blank = text.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        let text = &text[blank..];
        let Some(layout) = Layout::find(text, encoding, is_whole, contract) else {
            let help = "is the file CSV, and its first quote closed?";
            return Err(refused(&self.shown, "has no header line", help));
        };
        self.header = Some(Header::find(&layout.names, contract, &self.shown)?);
        if is_whole && text[layout.bytes..].trim_ascii().is_empty() {
            return Err(refused(&self.shown, "has a header and no row", "have it delivered again"));
        }
        self.preamble_bytes += blank + layout.bytes;
        self.layout = Some(layout);
        Ok(())
    }
}

/// What one pass over the bytes tells.
struct Looked {
    packing: Packing,
    sm3: String,
    bytes: u64,
    unpacked_bytes: u64,
    encoding: Encoding,
    head: Vec<u8>,
}

fn look(path: &Path, meter: &Meter, stop: &CancellationToken) -> io::Result<Option<Looked>> {
    meter.bytes.store(0, Ordering::Relaxed);
    let mut first = [0; 4];
    let length = File::open(path)?.read(&mut first)?;
    let packing = Packing::of(&first[..length]);
    let (mut digest, mut bytes) = (Sm3::new(), 0);
    let tap = |block: &[u8]| {
        digest.update(block);
        bytes += block.len() as u64;
        meter.bytes.store(bytes, Ordering::Relaxed);
    };
    let mut input = packing.unpack(Tapped { inner: File::open(path)?, tap })?;
    let (mut vote, mut head, mut unpacked_bytes) = (Vote::default(), Vec::new(), 0);
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        if stop.is_cancelled() {
            return Ok(None);
        }
        let count = match input.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        unpacked_bytes += count as u64;
        let room = HEAD_BYTES - head.len();
        head.extend_from_slice(&block[..count.min(room)]);
        vote.add(&block[..count]);
    }
    drop(input);
    let sm3 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(Looked { packing, sm3, bytes, unpacked_bytes, encoding: vote.outcome(), head }))
}

/// Writes standard input to a temporary file.
fn spooled(stop: &CancellationToken) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::with_prefix("huiliu-load-")?;
    let mut input = io::stdin().lock();
    let mut block = vec![0; BLOCK_BYTES];
    while !stop.is_cancelled() {
        match input.read(&mut block)? {
            0 => break,
            count => file.write_all(&block[..count])?,
        }
    }
    file.flush()?;
    Ok(file)
}

/// Whether the lines are in the contract's envelope, by the first that is an object.
fn form(
    text: &[u8],
    is_whole: bool,
    encoding: Encoding,
    contract: &Contract,
    shown: &str,
) -> Result<Form, Error> {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    if !is_whole {
        // The last one is cut where the head ends.
        lines.pop();
    }
    let first = lines.iter().find_map(|line| {
        let mut line_text = Vec::new();
        encoding.append(line, &mut line_text).then_some(())?;
        serde_json::from_slice::<Map<String, Value>>(&line_text).ok()
    });
    let Some(first) = first else {
        let help = "write one object a line: jq -c . FILE | huiliu load DATASET -";
        return Err(refused(shown, "has no line that is a JSON object", help));
    };
    if is_envelope(contract.format, &first) {
        return Ok(Form::Envelope);
    }
    if contract.columns.iter().any(|column| first.contains_key(column.field())) {
        return Ok(Form::Plain);
    }
    let why = format!("has neither the envelope nor a column of dataset `{}`", contract.dataset);
    Err(refused(shown, why, format!("in its first object; {}", expected(contract))))
}

fn is_envelope(format: Format, object: &Map<String, Value>) -> bool {
    let has = |name: &str| object.contains_key(name);
    match format {
        Format::HuiliuJson => has("op") && has("seq") && (has("ds") || has("after")),
        Format::DebeziumJson => {
            has("payload") || (has("op") && (has("after") || has("before") || has("source")))
        }
        // A file holds no records of a registry; `load` refuses such datasets before.
        Format::ConfluentAvro | Format::DebeziumAvro | Format::Json => false,
    }
}

#[cfg(test)]
mod tests;
