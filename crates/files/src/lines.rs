//! Lines of JSON: each is the value of one record, as it was delivered.
//!
//! Only what surrounds a value is taken off (the line end, a byte order mark before the first);
//! text in GB18030 is written as UTF-8. Whether a line is sound JSON is for the decoder to say.

use crate::chunk::Chunk;
use crate::encoding::Encoding;
use crate::window::Window;
use huiliu_model::Reason;
use memchr::memchr;
use std::io;

pub(crate) struct LineRows {
    window: Window,
    encoding: Encoding,
    row_bytes_max: usize,
}

impl LineRows {
    pub fn new(window: Window, encoding: Encoding, row_bytes_max: usize) -> Self {
        Self { window, encoding, row_bytes_max }
    }

    /// Reads one line into a chunk; false at the end of the file. Empty lines are passed over.
    pub fn next(&mut self, into: &mut Chunk) -> io::Result<bool> {
        loop {
            let bytes = self.window.bytes();
            let end = match memchr(b'\n', bytes) {
                Some(end) => end,
                None if self.window.is_ended() => bytes.len(),
                None if bytes.len() > self.row_bytes_max => bytes.len(),
                None => {
                    self.window.fill()?;
                    continue;
                }
            };
            if end > self.row_bytes_max {
                let kept = &bytes[..self.row_bytes_max];
                into.broken_row(into.mark(), kept, (Reason::TooLarge, None));
                self.window.pass_line()?;
                return Ok(true);
            }
            let line = bytes[..end].trim_ascii();
            let is_blank = line.is_empty();
            if is_blank && end == bytes.len() {
                return Ok(false);
            }
            if !is_blank {
                self.line(line, into);
            }
            let passed = (end + 1).min(bytes.len());
            self.window.pass(passed);
            if !is_blank {
                return Ok(true);
            }
        }
    }

    fn line(&self, line: &[u8], into: &mut Chunk) {
        let mark = into.mark();
        // UTF-8 goes as it is: the decoder tells better what is wrong with it.
        let is_text = match self.encoding {
            Encoding::Utf8 => {
                into.arena().extend_from_slice(line);
                true
            }
            Encoding::Gb18030 => self.encoding.append(line, into.arena()),
        };
        if is_text {
            into.end_row(mark, None);
        } else {
            into.broken_row(mark, line, (Reason::NotUtf8, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::{Partition, Records};

    fn read(text: &[u8], encoding: Encoding) -> Records {
        let window = Window::new(Box::new(io::Cursor::new(text.to_vec())));
        let mut lines = LineRows::new(window, encoding, 32);
        let mut chunk = Chunk::new("account".into(), Partition::new("file/x", 0), 0, 0);
        while lines.next(&mut chunk).expect("memory") {}
        chunk.take()
    }

    fn values(records: &Records) -> Vec<&[u8]> {
        records.entries.iter().filter_map(|e| records.value(e)).collect()
    }

    #[test]
    fn lines_go_as_they_are_and_empty_ones_are_not_counted() {
        let records = read(b"{\"a\":1}\r\n\n  \n{\"a\":\xff}\nlast", Encoding::Utf8);
        assert_eq!(values(&records), [&b"{\"a\":1}"[..], b"{\"a\":\xff}", b"last"]);
        assert!(records.faults.is_empty(), "the decoder judges");
        assert_eq!(read(b"", Encoding::Utf8).entries, []);
        assert_eq!(read(b"\n\n", Encoding::Utf8).entries, []);
    }

    #[test]
    fn a_line_too_long_keeps_its_beginning_and_the_next_is_read() {
        let text = format!("{}\n{{}}\n{}", "x".repeat(600_000), "y".repeat(33));
        let records = read(text.as_bytes(), Encoding::Utf8);
        assert_eq!(values(&records), [&[b'x'; 32][..], b"{}", &[b'y'; 32]]);
        let reasons: Vec<(u32, Reason)> =
            records.faults.iter().map(|f| (f.record, f.reason)).collect();
        assert_eq!(reasons, [(0, Reason::TooLarge), (2, Reason::TooLarge)]);
    }

    #[test]
    fn gb18030_lines_become_utf8() {
        // {"a":"渝"} as Python's gb18030 writes it, and a line cut inside a character.
        let records = read(b"{\"a\":\"\xd3\xe5\"}\n{\"a\":\"\xd3\n", Encoding::Gb18030);
        assert_eq!(values(&records), ["{\"a\":\"渝\"}".as_bytes(), b"{\"a\":\"\xd3"]);
        assert_eq!(records.faults.len(), 1);
        assert_eq!(records.faults[0].reason, Reason::NotUtf8);
    }
}
