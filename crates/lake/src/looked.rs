//! Rows of `current` that were looked up, until they are asked for again.
//!
//! A refresh looks up the keys of what changed in a dataset as it was and as it is, and every
//! table that reads the dataset does so again. Between two folds all of them find the same rows
//! of `current`, because its version is the same. The last answers are kept; their bytes together
//! are bounded for each dataset.

use crate::lookup::Wanted;
use arrow::array::RecordBatch;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of the answers that are kept for one dataset.
const BYTES_MAX: usize = 1 << 20;

struct Answer {
    version: i64,
    wanted: Arc<Wanted>,
    rows: Vec<RecordBatch>,
    bytes: usize,
}

/// Answers by the version of `current` and what was wanted.
#[derive(Default)]
pub struct Looked(Mutex<VecDeque<Answer>>);

impl Looked {
    pub fn get(&self, version: i64, wanted: &Wanted) -> Option<Vec<RecordBatch>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|a| a.version == version && *a.wanted == *wanted);
        found.map(|answer| answer.rows.clone())
    }

    /// Keeps an answer in place of the oldest ones, unless there is no room for it alone.
    pub fn keep(&self, version: i64, wanted: &Arc<Wanted>, rows: &[RecordBatch]) {
        let held: usize = rows.iter().map(RecordBatch::get_array_memory_size).sum();
        let bytes = held + wanted.bytes();
        if bytes > BYTES_MAX {
            return;
        }
        let answer = Answer { version, wanted: Arc::clone(wanted), rows: rows.to_vec(), bytes };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(answer);
        while kept.iter().map(|answer| answer.bytes).sum::<usize>() > BYTES_MAX {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, StringArray};

    fn wanted(texts: &[&str]) -> Arc<Wanted> {
        let tuples: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        Arc::new(Wanted::new(&["a".to_owned()], &[tuples]).expect("a text has an order"))
    }

    fn rows(count: usize) -> Vec<RecordBatch> {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1; count]));
        vec![RecordBatch::try_from_iter([("b", column)]).expect("one column")]
    }

    #[test]
    fn an_answer_is_that_of_one_version_and_one_set() {
        let looked = Looked::default();
        looked.keep(3, &wanted(&["x", "y"]), &rows(2));
        assert_eq!(looked.get(3, &wanted(&["y", "x"])), Some(rows(2)), "the order is no matter");
        assert_eq!(looked.get(4, &wanted(&["x", "y"])), None);
        assert_eq!(looked.get(3, &wanted(&["x"])), None);
    }

    #[test]
    fn the_newest_answers_are_kept_as_far_as_there_is_room() {
        let looked = Looked::default();
        looked.keep(1, &wanted(&["x"]), &rows(BYTES_MAX / 8 + 1));
        assert_eq!(looked.get(1, &wanted(&["x"])), None, "it is larger than all that is kept");
        for version in 1..=3 {
            looked.keep(version, &wanted(&["x"]), &rows(BYTES_MAX / 8 * 2 / 5));
        }
        let kept = [1, 2, 3].map(|version| looked.get(version, &wanted(&["x"])).is_some());
        assert_eq!(kept, [false, true, true], "two of two fifths each fit");
    }
}
