//! Footers of Parquet files that this process has read, with the places of their pages.
//!
//! Files never change, and every refresh looks into the same files of `current`: reading their
//! footers again would be most of what a look-up costs. What is kept is bounded by a share of the
//! process' memory; footers that nobody asked for since the last half was filled are let go.

use crate::memory::Memory;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
struct Held {
    young: HashMap<Path, ArrowReaderMetadata>,
    old: HashMap<Path, ArrowReaderMetadata>,
    /// Bytes of the young ones.
    bytes: u64,
}

/// Footers by the path of their file; clones share them.
#[derive(Clone, Default)]
pub struct Footers {
    held: Arc<Mutex<Held>>,
    memory: Memory,
}

impl Footers {
    /// Keeps to a share of this memory.
    pub fn within(memory: &Memory) -> Self {
        Self { held: Arc::default(), memory: memory.clone() }
    }

    pub fn get(&self, path: &Path) -> Option<ArrowReaderMetadata> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.young.get(path) {
            return Some(found.clone());
        }
        let found = held.old.remove(path)?;
        self.put(&mut held, path, &found);
        Some(found)
    }

    pub fn keep(&self, path: &Path, footer: &ArrowReaderMetadata) {
        self.put(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner), path, footer);
    }

    fn put(&self, held: &mut Held, path: &Path, footer: &ArrowReaderMetadata) {
        let (bytes, half) =
            (footer.metadata().memory_size() as u64, self.memory.footer_bytes() / 2);
        if bytes > half {
            return;
        }
        if held.bytes + bytes > half {
            held.old = std::mem::take(&mut held.young);
            held.bytes = 0;
        }
        held.bytes += bytes;
        held.young.insert(path.clone(), footer.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ArrowReaderOptions;

    fn footer() -> ArrowReaderMetadata {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let rows = RecordBatch::try_from_iter([("a", column)]).expect("one column");
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).expect("an integer");
        writer.write(&rows).expect("it fits");
        writer.close().expect("it is written");
        ArrowReaderMetadata::load(&Bytes::from(bytes), ArrowReaderOptions::new()).expect("a file")
    }

    #[test]
    fn footers_that_are_asked_for_stay_and_others_go() {
        let (memory, footer) = (Memory::default(), footer());
        let two = 2 * footer.metadata().memory_size() as u64;
        // Two halves of two footers each.
        memory.limit_to(two * 2 * crate::memory::FOOTER_PART);
        let footers = Footers::within(&memory);
        let path = |name: &str| Path::from(name);
        for name in ["a", "b", "c"] {
            footers.keep(&path(name), &footer);
        }
        assert!(footers.get(&path("a")).is_some(), "it is old, and young again");
        footers.keep(&path("d"), &footer);
        let held = ["a", "b", "c", "d"].map(|name| footers.get(&path(name)).is_some());
        assert_eq!(held, [true, false, true, true]);
        memory.limit_to(0);
        footers.keep(&path("e"), &footer);
        assert!(footers.get(&path("e")).is_none(), "there is no room for it alone");
    }
}
