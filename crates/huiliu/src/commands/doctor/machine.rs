//! What the machine allows: disk for spills, memory, open files.

use super::Check;
use crate::installation::{Installation, disk_free_bytes};
use crate::memory::allowed_bytes;
use huiliu_model::ErrorKind;
use std::fs::read_to_string;
use std::path::Path;

const GIB: u64 = 1 << 30;
/// Below this a build that spills may end for want of room.
const DISK_WARN: u64 = 10 * GIB;
const DISK_FAIL: u64 = GIB;
/// Each partition, table and connection may take some; 48 datasets need a few hundred.
const FILES_WARN: u64 = 4_096;
const FILES_FAIL: u64 = 512;

pub fn checks(installation: &Installation) -> Vec<Check> {
    let files = read_to_string("/proc/self/limits").ok().and_then(|text| open_files(&text));
    vec![
        disk(&std::env::temp_dir(), installation.temporary_bytes()),
        memory(installation.memory().limit_bytes(), allowed_bytes()),
        open_file_check(files),
    ]
}

fn disk(folder: &Path, limit: u64) -> Check {
    let meaning = "builds that do not fit in memory spill to the folder for temporary files";
    let shown = folder.display();
    let free = match disk_free_bytes(folder) {
        Ok(free) => free,
        Err(error) => {
            return Check::ok("disk", meaning, format!("{shown}: {error}"))
                .fail(ErrorKind::Unavailable, "set TMPDIR to a folder that can be written");
        }
    };
    let check =
        Check::ok("disk", meaning, format!("{} free in {shown}, limit {}", gib(free), gib(limit)));
    let remedy = "make room, or set TMPDIR to a larger file system";
    match free {
        free if free < DISK_FAIL => check.fail(ErrorKind::Unavailable, remedy),
        free if free < DISK_WARN => check.warn(remedy),
        free if free < limit => check.warn("lower `temporary.limit` in huiliu.yaml, or make room"),
        _ => check,
    }
}

fn memory(limit: u64, allowed: Option<u64>) -> Check {
    let meaning = "a process that passes the limit of its group is killed";
    let Some(allowed) = allowed else {
        return Check::ok("memory", meaning, "how much is allowed cannot be told")
            .warn("compare `memory.limit` with what the machine has");
    };
    let found = format!("limit {}, allowed {}", gib(limit), gib(allowed));
    let check = Check::ok("memory", meaning, found);
    match allowed {
        allowed if allowed < limit => {
            check.fail(ErrorKind::Invalid, "lower `memory.limit` in huiliu.yaml, or allow more")
        }
        _ => check,
    }
}

fn open_file_check(files: Option<u64>) -> Check {
    let meaning = "connections, tables and spills take open files";
    let Some(files) = files else {
        return Check::ok("open files", meaning, "the limit cannot be told").warn("see ulimit -n");
    };
    let check = Check::ok("open files", meaning, format!("{files} allowed"));
    let remedy = "raise the limit: LimitNOFILE= of the unit, or ulimit -n";
    match files {
        files if files < FILES_FAIL => check.fail(ErrorKind::Invalid, remedy),
        files if files < FILES_WARN => check.warn(remedy),
        _ => check,
    }
}

/// The soft limit of open files in /proc/self/limits.
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "one digit is shown")]
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB as f64)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let line = "Max open files            1024                 524288               files";
        assert_eq!(open_files(line), Some(1_024));
        assert_eq!(open_files("nothing"), None);
    }

    #[test]
    fn a_limit_has_to_be_allowed_and_files_have_to_do() {
        use Outcome::{Fail, Ok, Warn};
        let judged = [3, 4, 5].map(|allowed| memory(4 * GIB, Some(allowed * GIB)).outcome);
        assert_eq!(judged, [Fail, Ok, Ok]);
        assert_eq!(memory(4 * GIB, None).outcome, Warn);
        let judged = [511, 512, 4_096].map(|files| open_file_check(Some(files)).outcome);
        assert_eq!(judged, [Fail, Warn, Ok]);
    }
}
