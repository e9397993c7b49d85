//! The rows of a file, whatever its kind.

use crate::chunk::Chunk;
use crate::csv::CsvRows;
use crate::error::unreadable;
use crate::examine::Delivery;
use crate::lines::LineRows;
use crate::source::Meter;
use crate::stream::Tapped;
use crate::table::TableRows;
use crate::window::Window;
use huiliu_model::{Contract, Error};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;

pub(crate) enum Rows {
    Csv(CsvRows),
    Lines(LineRows),
    Table(TableRows),
}

impl Rows {
    /// Opens a delivery at its row `from`, or before it when it is stopped on the way; the meter
    /// counts the bytes read.
    ///
    /// # Errors
    /// When it cannot be read any more, or is not what it was when it was examined.
    pub fn open(
        delivery: &Delivery,
        contract: &Contract,
        from: i64,
        meter: &Arc<Meter>,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let failed = |source| unreadable(&delivery.shown, source);
        let file = File::open(delivery.path()).map_err(failed)?;
        let mut rows = match (&delivery.layout, &delivery.header, delivery.encoding) {
            (_, Some(header), None) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let rows = TableRows::open(file, &delivery.shown, header, contract, from)?;
                return Ok(Self::Table(rows));
            }
            (layout, header, encoding) => {
                let counted = Arc::clone(meter);
                let tap = move |bytes: &[u8]| {
                    counted.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                };
                let input = delivery.packing.unpack(Tapped { inner: file, tap }).map_err(failed)?;
                let mut window = Window::new(input);
                while window.bytes().len() < delivery.preamble_bytes && !window.is_ended() {
                    window.fill().map_err(failed)?;
                }
                window.pass(delivery.preamble_bytes);
                let encoding = encoding.unwrap_or(crate::Encoding::Utf8);
                let longest = delivery.row_bytes_max;
                match (layout, header) {
                    (Some(layout), Some(header)) => {
                        Self::Csv(CsvRows::new(window, layout, header, contract, encoding, longest))
                    }
                    _ => Self::Lines(LineRows::new(window, encoding, longest)),
                }
            }
        };
        let partition = delivery.partition();
        let mut passed = Chunk::new(contract.dataset.clone(), partition, 0, 0);
        while passed.next() < from && rows.next(&mut passed, delivery)? {
            if passed.is_full() {
                passed.take();
                if stop.is_cancelled() {
                    break;
                }
            }
        }
        Ok(rows)
    }

    /// Reads one row into a chunk; false at the end.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub fn next(&mut self, into: &mut Chunk, delivery: &Delivery) -> Result<bool, Error> {
        let failed = |source| unreadable(&delivery.shown, source);
        match self {
            Self::Csv(rows) => rows.next(into).map_err(failed),
            Self::Lines(rows) => rows.next(into).map_err(failed),
            Self::Table(rows) => rows.next(into),
        }
    }
}
