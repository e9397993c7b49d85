//! How the files of a table lie: what maintenance and checkpoints keep small.

use crate::log::TableState;

/// A file below this is a small one: an eighth of the size that `land.file_target` has by default.
const SMALL_BYTES: i64 = 16 << 20;

/// Files and log of a table, or of several tables together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Layout {
    pub files: u64,
    /// Files below 16 MiB.
    pub small_files: u64,
    pub size_bytes: u64,
    /// Commits that a reader replays behind the newest checkpoint; of several tables the most.
    pub log_commits: u64,
}

impl Layout {
    pub(crate) fn of(state: &TableState) -> Self {
        let sizes = state.files.values().map(|file| file.size);
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Self {
            files: state.files.len() as u64,
            small_files: sizes.filter(|size| *size < SMALL_BYTES).count() as u64,
            size_bytes: count(state.size_bytes()),
            log_commits: count(state.version - state.checkpoint.unwrap_or(-1)),
        }
    }
}

impl std::ops::AddAssign for Layout {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.small_files += other.small_files;
        self.size_bytes += other.size_bytes;
        self.log_commits = self.log_commits.max(other.log_commits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::FileMeta;

    fn file(size: i64) -> FileMeta {
        FileMeta {
            size,
            rows: None,
            partition_values: Default::default(),
            modification_time: 0,
            lacks_cells: false,
            stats: None,
        }
    }

    #[test]
    fn small_files_and_commits_behind_a_checkpoint_are_counted() {
        let files = [("a", 100), ("b", 16 << 20), ("c", (16 << 20) - 1)];
        let files = files.map(|(name, size)| (name.to_owned(), file(size))).into();
        let state = TableState { version: 57, checkpoint: Some(50), files, ..Default::default() };
        let size_bytes = 100 + (32 << 20) - 1;
        let mut sum = Layout::of(&state);
        assert_eq!(sum, Layout { files: 3, small_files: 2, size_bytes, log_commits: 7 });
        let fresh = TableState { version: 11, ..Default::default() };
        sum += Layout::of(&fresh);
        assert_eq!(sum.log_commits, 12, "versions 0 to 11, for there is no checkpoint");
        assert_eq!(sum.files, 3);
    }
}
