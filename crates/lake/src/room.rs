//! Room for what spills to disk: one bound for all sessions of a process.

use crate::spill::Spill;
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use huiliu_model::usage::Usage;
use std::sync::Arc;

/// Spilled files that one merge keeps open: more are merged in turns.
const OPEN_FILES: usize = 32;
/// Words of the engine where the bound is reached.
const REACHED: &str = "exceeded the allowable limit";

/// Temporary files in the system's folder for them (`TMPDIR`), at most so many bytes. Clones share
/// one bound; by default that of the engine, 100 GiB.
#[derive(Debug, Clone)]
pub struct Room(Arc<DiskManager>);

impl Default for Room {
    fn default() -> Self {
        let builder = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::OsTmpDirectory)
            .with_max_spill_merge_fan_in(OPEN_FILES);
        Self(Arc::new(builder.build().expect("no folder is made before the first file")))
    }
}

impl Room {
    /// Bounds what all temporary files together may take.
    pub fn limit_to(&self, bytes: u64) {
        self.0.set_max_temp_directory_size(bytes).expect("there are temporary files");
    }

    /// Lets a runtime spill here.
    #[must_use]
    pub fn within(&self, mut builder: RuntimeEnvBuilder) -> RuntimeEnvBuilder {
        builder.disk_manager = Some(Arc::clone(&self.0));
        builder
    }

    /// The same for one whose spilled bytes are counted.
    pub fn counted(&self, usage: Arc<Usage>) -> DiskManagerBuilder {
        let spill = Spill { files: Arc::clone(&self.0), usage };
        DiskManagerBuilder::default()
            .with_temp_file_factory(Arc::new(spill))
            .with_max_spill_merge_fan_in(OPEN_FILES)
    }
}

/// What became of temporary files, where an error says so: else `None`.
pub fn spilling(error: &DataFusionError) -> Option<&'static str> {
    match error.find_root() {
        DataFusionError::IoError(_) | DataFusionError::ArrowError(_, _)
            if error.to_string().contains(REACHED) =>
        {
            Some("temporary files reach their limit")
        }
        // Tables are read through the object store: only what spills is read and written plainly.
        DataFusionError::IoError(_) => Some("temporary files cannot be written or read"),
        DataFusionError::ArrowError(inner, _) if matches!(**inner, ArrowError::IoError(..)) => {
            Some("temporary files cannot be written or read")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::session;
    use object_store::memory::InMemory;

    const SORT: &str = "SELECT v, repeat('x', 200) AS t FROM generate_series(1, 400000) AS s(v) \
                        ORDER BY v % 7919, t, v";

    async fn sorted(room: &Room) -> Result<usize, DataFusionError> {
        let ctx = session(Arc::new(InMemory::new()), 32 << 20, room).expect("a session");
        let rows = ctx.sql(SORT).await?.collect().await?;
        Ok(rows.iter().map(|batch| batch.num_rows()).sum())
    }

    #[tokio::test]
    async fn who_spills_more_than_there_is_room_for_is_told_so() {
        let room = Room::default();
        assert_eq!(sorted(&room).await.expect("it spills"), 400_000);
        room.limit_to(1 << 20);
        let error = sorted(&room).await.expect_err("there is no room");
        assert_eq!(spilling(&error), Some("temporary files reach their limit"), "{error}");
        room.limit_to(1 << 30);
        assert_eq!(sorted(&room).await.expect("what it took is given back"), 400_000);
    }

    #[test]
    fn a_full_disk_is_told_from_a_value_that_cannot_be_cast() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let told = "temporary files cannot be written or read";
        assert_eq!(spilling(&DataFusionError::IoError(full())), Some(told));
        let written = ArrowError::IoError("no space".to_owned(), full());
        assert_eq!(spilling(&DataFusionError::ArrowError(Box::new(written), None)), Some(told));
        let cast = ArrowError::CastError("x".to_owned());
        assert_eq!(spilling(&DataFusionError::ArrowError(Box::new(cast), None)), None);
    }
}
