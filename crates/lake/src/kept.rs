//! Small files of `changes` as this process has read them, until they are folded.
//!
//! A refresh looks into every change that is not folded yet, again and again, and these lie in
//! many small files. Files never change, so their rows are kept; how many bytes of them is
//! bounded for each dataset, and what does not fit is read from the store.

use arrow::array::RecordBatch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of decoded rows that are kept for one dataset.
const BYTES_MAX: usize = 4 << 20;

type Rows = Arc<Vec<RecordBatch>>;

/// Rows of files by their path.
#[derive(Default)]
pub struct Kept(Mutex<BTreeMap<String, (Rows, usize)>>);

impl Kept {
    pub fn get(&self, path: &str) -> Option<Rows> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(path).map(|(rows, _)| Arc::clone(rows))
    }

    /// Keeps the rows of a file if there is room, once files that nobody asks for any more are
    /// let go.
    pub fn keep(&self, path: &str, rows: &Rows, wanted: &BTreeSet<&str>) {
        let bytes = rows.iter().map(RecordBatch::get_array_memory_size).sum();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |kept: &BTreeMap<String, (Rows, usize)>| -> usize {
            kept.values().map(|(_, bytes)| bytes).sum()
        };
        if held(&kept) + bytes > BYTES_MAX {
            kept.retain(|path, _| wanted.contains(path.as_str()));
        }
        if held(&kept) + bytes <= BYTES_MAX {
            kept.insert(path.to_owned(), (Arc::clone(rows), bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};

    fn rows(count: usize) -> Rows {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; count]));
        Arc::new(vec![RecordBatch::try_from_iter([("a", column)]).expect("one column")])
    }

    #[test]
    fn what_is_kept_is_bounded_and_files_still_wanted_come_first() {
        let kept = Kept::default();
        let large = rows(BYTES_MAX / 8 / 3);
        for path in ["a", "b"] {
            kept.keep(path, &large, &["a", "b"].into());
        }
        kept.keep("c", &large, &["a", "b", "c"].into());
        assert!(kept.get("c").is_none(), "there is no room, and both others are wanted");
        kept.keep("c", &large, &["b", "c"].into());
        assert!(kept.get("a").is_none() && kept.get("b").is_some() && kept.get("c").is_some());
    }
}
