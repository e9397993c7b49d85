//! A window on a stream: the bytes from the row at hand to as far as was read.
//!
//! It grows while one row needs more and never beyond what the caller asks for: rows have a
//! limit, and the caller cuts them there.

use memchr::memchr;
use std::io::{self, Read};

/// Bytes read at once.
const READ_BYTES: usize = 256 << 10;

pub(crate) struct Window {
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    is_ended: bool,
}

impl Window {
    pub fn new(input: Box<dyn Read + Send>) -> Self {
        Self { input, buffer: Vec::with_capacity(2 * READ_BYTES), start: 0, is_ended: false }
    }

    /// What is there from the row at hand on.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Nothing follows what is there.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Reads on behind what is there.
    pub fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let held = self.buffer.len();
        let wanted = READ_BYTES.max(held);
        let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.is_ended = read < wanted;
        Ok(())
    }

    /// Passes bytes that were dealt with.
    pub fn pass(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }

    /// Passes everything up to the next line end, and it.
    pub fn pass_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr(b'\n', self.bytes()) {
                self.pass(at + 1);
                return Ok(());
            }
            self.pass(self.bytes().len());
            if self.is_ended {
                return Ok(());
            }
            self.fill()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_longer_than_the_window_is_passed_and_nothing_of_the_next() {
        let mut text = vec![b'x'; 3 * READ_BYTES + 7];
        text.extend_from_slice(b"\nnext");
        let mut window = Window::new(Box::new(io::Cursor::new(text)));
        window.fill().expect("memory");
        window.pass_line().expect("memory");
        while !window.is_ended() {
            window.fill().expect("memory");
        }
        assert_eq!(window.bytes(), b"next");
    }
}
