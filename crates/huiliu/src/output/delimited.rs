//! Comma-separated lines (RFC 4180): null is nothing, an empty text is `""`.

use std::io::{self, Write};

/// Writes one line.
pub fn line<'a>(
    out: &mut impl Write,
    cells: impl Iterator<Item = Option<&'a str>>,
) -> io::Result<()> {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        match cell {
            None => {}
            Some(text) if must_quote(text) => {
                write!(out, "\"{}\"", text.replace('"', "\"\""))?;
            }
            Some(text) => out.write_all(text.as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

fn must_quote(text: &str) -> bool {
    text.is_empty()
        || text.contains(['"', ',', '\n', '\r'])
        || text.starts_with(' ')
        || text.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_only_where_they_must_be() {
        let mut out = Vec::new();
        let cells = [Some("a"), None, Some(""), Some("x,\"y\""), Some("重庆"), Some("l\n2")];
        line(&mut out, cells.into_iter()).expect("memory");
        assert_eq!(String::from_utf8_lossy(&out), "a,,\"\",\"x,\"\"y\"\"\",重庆,\"l\n2\"\n");
    }
}
