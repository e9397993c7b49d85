//! One number for the memory of the process, and how it is divided.
//!
//! | part | for | at the bound |
//! |---:|---|---|
//! | 1/8 | records on their way in, librdkafka's queues included | nothing more is read |
//! | 1/8 | rows that are prepared and not landed | the largest batch is committed early |
//! | 1/8 | a fold | fewer changes in a pass, a bucket in slices |
//! | 1/4 | subject tables while ingestion runs | sorts, aggregates and merge joins spill |
//! | 1/2 | who works alone: a query, a build, an audit, a large build when others rest | the same |
//! | rest | code, stacks, encoders, logs of tables, what allocators keep | |
//!
//! Parts of one limit, not limits of their own: one number is said, and none contradicts another.

use std::fs::read_to_string;
use std::path::Path;

const RECORDS_PART: u64 = 8;
const HELD_PART: u64 = 8;
const FOLD_PART: u64 = 8;
const BESIDE_PART: u64 = 4;
const ALONE_PART: u64 = 2;
/// Where neither a person nor the control group says anything.
const DEFAULT_BYTES: u64 = 1 << 30;
/// What is taken of a control group's limit without being told: more only helps large builds.
const UNTOLD_BYTES_MAX: u64 = 4 << 30;

/// The memory limit of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    limit_bytes: u64,
}

impl Memory {
    pub fn of(limit_bytes: u64) -> Self {
        Self { limit_bytes }
    }

    pub fn limit_bytes(self) -> u64 {
        self.limit_bytes
    }

    /// Records that were read and not yet released.
    pub fn records_bytes(self) -> usize {
        self.part(RECORDS_PART)
    }

    /// Rows that are prepared and not landed.
    pub fn held_bytes(self) -> usize {
        self.part(HELD_PART)
    }

    /// A fold.
    pub fn fold_bytes(self) -> usize {
        self.part(FOLD_PART)
    }

    /// All refreshes beside ingestion.
    pub fn beside_bytes(self) -> usize {
        self.part(BESIDE_PART)
    }

    /// A query or a build beside which nothing runs.
    pub fn alone_bytes(self) -> usize {
        self.part(ALONE_PART)
    }

    fn part(self, part: u64) -> usize {
        usize::try_from(self.limit_bytes / part).unwrap_or(usize::MAX)
    }
}

/// The limit where none is said: that of the control group up to 4 GiB, else 1 GiB.
pub fn untold_bytes() -> u64 {
    group_limit().map_or(DEFAULT_BYTES, |limit| limit.min(UNTOLD_BYTES_MAX))
}

/// The memory limit of the control group that this process is in.
pub fn group_limit() -> Option<u64> {
    let group = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = machine_bytes(&read_to_string("/proc/meminfo").unwrap_or_default());
    let limit = limit(Path::new("/sys/fs/cgroup"), &group)?;
    // Version 1 says "no limit" by a number larger than any machine.
    machine.is_none_or(|machine| limit < machine).then_some(limit)
}

/// The memory that this process may have at most: its group's, or the machine's.
pub fn allowed_bytes() -> Option<u64> {
    group_limit().or_else(|| machine_bytes(&read_to_string("/proc/meminfo").unwrap_or_default()))
}

/// The memory limit in the files of a control group; version 2 first, then version 1.
fn limit(root: &Path, group: &str) -> Option<u64> {
    let unified = group.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = unified.map(|path| root.join(path).join("memory.max"));
    let first = own.and_then(|path| read_to_string(path).ok());
    let text = first
        .or_else(|| read_to_string(root.join("memory.max")).ok())
        .or_else(|| read_to_string(root.join("memory/memory.limit_in_bytes")).ok())?;
    text.trim().parse().ok()
}

/// `MemTotal` of /proc/meminfo, in bytes.
fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree: 1 kB\n";
        assert_eq!(machine_bytes(meminfo), Some(8_192_000_000));
        let root = std::env::temp_dir().join(format!("huiliu-memory-{}", std::process::id()));
        let own = root.join("pod/one");
        std::fs::create_dir_all(&own).expect("a folder");
        std::fs::write(own.join("memory.max"), "1073741824\n").expect("a file");
        assert_eq!(limit(&root, "0::/pod/one\n"), Some(1 << 30));
        std::fs::write(own.join("memory.max"), "max\n").expect("a file");
        assert_eq!(limit(&root, "0::/pod/one\n"), None, "no limit");
        std::fs::remove_dir_all(&root).expect("it goes");
    }

    #[test]
    fn what_runs_side_by_side_leaves_a_quarter_and_more() {
        let memory = Memory::of(512 << 20);
        assert_eq!(memory.records_bytes(), 64 << 20);
        assert_eq!(memory.held_bytes(), 64 << 20);
        assert_eq!(memory.beside_bytes(), 128 << 20);
        assert_eq!(memory.alone_bytes(), 256 << 20);
        // The lake's fold has another eighth: 64 + 64 + 64 + 128 MiB of 512.
    }
}
