//! Files that plans spill to, with the bytes that are written counted.
//!
//! The engine says how much lies on disk now and forgets it when the files go; whether memory is
//! too small is told by what was written in all.

use datafusion::error::Result;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::Stream;
use huiliu_model::usage::Usage;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

/// Makes the files of a room.
pub(crate) struct Spill {
    pub files: Arc<DiskManager>,
    pub usage: Arc<Usage>,
}

impl TempFileFactory for Spill {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        let file = self.files.create_tmp_file(description)?;
        Ok(Arc::new(Counted { file, usage: Arc::clone(&self.usage) }))
    }
}

struct Counted {
    file: Arc<dyn SpillFile>,
    usage: Arc<Usage>,
}

impl SpillFile for Counted {
    fn path(&self) -> Option<&Path> {
        self.file.path()
    }

    fn size(&self) -> Option<u64> {
        self.file.size()
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<bytes::Bytes>> + Send>>> {
        self.file.read_stream()
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        let writer = self.file.open_writer()?;
        Ok(Box::new(Writer { writer, usage: Arc::clone(&self.usage) }))
    }
}

struct Writer {
    writer: Box<dyn SpillWriter>,
    usage: Arc<Usage>,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.usage.spilled(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl SpillWriter for Writer {
    fn finish(&mut self) -> Result<()> {
        self.writer.finish()
    }
}
