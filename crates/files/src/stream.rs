//! The bytes of a file, unpacked, with an ear on the bytes as delivered.

use flate2::read::MultiGzDecoder;
use std::io::{self, Read};

/// How the bytes of a file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// By the first bytes (RFC 1952, RFC 8878).
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub fn unpack<'a>(self, raw: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Self::None => Box::new(raw),
            Self::Gzip => Box::new(MultiGzDecoder::new(raw)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(raw)?),
        })
    }
}

/// Shows every byte that is read to an observer.
pub(crate) struct Tapped<R, F> {
    pub inner: R,
    pub tap: F,
}

impl<R: Read, F: FnMut(&[u8])> Read for Tapped<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        (self.tap)(&buffer[..count]);
        Ok(count)
    }
}
