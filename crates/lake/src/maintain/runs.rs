//! Which small files are joined.
//!
//! Files are joined only with their neighbours in time and within a day (UTC): so what is older
//! than a bound can still be dropped by file, and a ledger keeps the order of its rows. A day
//! that is over is joined whole. In the day that goes on a run is joined when it has eight files
//! of which none outweighs the others together, so a row is written again only a few times.

use crate::log::FileMeta;

const DAY_MS: i64 = 86_400_000;
/// Fewest files that are joined while their day goes on.
const FILES_MIN: usize = 8;
/// Files read side by side in one join.
const FILES_MAX: usize = 64;

pub(super) type Run = Vec<(String, FileMeta)>;

/// The runs of files that are due, oldest first. `goal_bytes` is the size that files may reach.
pub(super) fn runs(mut files: Run, goal_bytes: i64, now_ms: i64) -> Vec<Run> {
    files.sort_by(|(a, m), (b, n)| (m.modification_time, a).cmp(&(n.modification_time, b)));
    let day = |file: &FileMeta| file.modification_time.div_euclid(DAY_MS);
    let today = now_ms.div_euclid(DAY_MS);
    let mut found = Vec::new();
    let mut run: Run = Vec::new();
    let mut bytes = 0;
    for (path, file) in files {
        let is_large = file.size > goal_bytes / 2;
        let fits = bytes + file.size <= goal_bytes && run.len() < FILES_MAX;
        let same_day = run.last().is_none_or(|(_, last)| day(last) == day(&file));
        if is_large || !fits || !same_day {
            found.extend(due(std::mem::take(&mut run), today));
            bytes = 0;
        }
        if !is_large {
            bytes += file.size;
            run.push((path, file));
        }
    }
    found.extend(due(run, today));
    found
}

fn due(mut run: Run, today: i64) -> Option<Run> {
    let is_open = run.last()?.1.modification_time.div_euclid(DAY_MS) >= today;
    if !is_open {
        return (run.len() > 1).then_some(run);
    }
    loop {
        if run.len() < FILES_MIN {
            return None;
        }
        let bytes: i64 = run.iter().map(|(_, file)| file.size).sum();
        let largest = run.iter().enumerate().max_by_key(|(_, (_, file))| file.size);
        let (at, (_, file)) = largest?;
        if file.size <= bytes / 2 {
            return Some(run);
        }
        run.drain(..=at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files named by their place, `(hour, size)` each; the runs as lists of places.
    fn check(files: &[(i64, i64)], now_hour: i64, expected: &[&[usize]]) {
        let file = |(at, (hour, size)): (usize, &(i64, i64))| {
            let meta = FileMeta {
                size: *size,
                rows: Some(1),
                partition_values: Default::default(),
                modification_time: hour * 3_600_000,
                lacks_cells: false,
                stats: None,
            };
            (format!("{at:03}"), meta)
        };
        let files: Run = files.iter().enumerate().map(file).rev().collect();
        let found = runs(files, 100, now_hour * 3_600_000);
        let places = |run: &Run| run.iter().filter_map(|(path, _)| path.parse().ok()).collect();
        let found: Vec<Vec<usize>> = found.iter().map(places).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_day_that_is_over_is_joined_whole_up_to_the_goal() {
        check(&[(0, 10), (1, 10), (23, 10)], 24, &[&[0, 1, 2]]);
        check(&[(0, 40), (1, 40), (2, 40), (3, 40)], 24, &[&[0, 1], &[2, 3]]);
        check(&[(0, 10)], 24, &[]);
    }

    #[test]
    fn days_are_not_joined_with_each_other_nor_over_a_large_file() {
        check(&[(0, 10), (23, 10), (24, 10), (25, 10)], 48, &[&[0, 1], &[2, 3]]);
        check(&[(0, 10), (1, 60), (2, 10)], 24, &[]);
    }

    #[test]
    fn today_waits_for_eight_files_of_which_none_outweighs_the_rest() {
        let same = |count| vec![(0, 1); count];
        check(&same(7), 1, &[]);
        check(&same(8), 1, &[&[0, 1, 2, 3, 4, 5, 6, 7]]);
        let mut grown = vec![(0, 20)];
        grown.extend(vec![(1, 1); 7]);
        check(&grown, 2, &[]);
        grown.push((1, 1));
        check(&grown, 2, &[&[1, 2, 3, 4, 5, 6, 7, 8]]);
    }
}
