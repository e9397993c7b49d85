//! What a file is, told from its first bytes; its name is asked only when they do not tell.

use crate::error::refused;
use huiliu_model::Error;
use std::path::Path;

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One JSON object a line.
    JsonLines,
    /// Fields parted by comma, semicolon or tab, after a header (RFC 4180).
    Csv,
    Parquet,
}

impl Kind {
    pub fn label(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// What a row says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Operation, sequence and image, in the contract's format.
    Envelope,
    /// Values alone.
    Plain,
}

impl Form {
    pub fn label(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Plain => "plain",
        }
    }
}

/// UTF-8's mark at the beginning of a text.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";
/// A text has fewer zeros than one byte in so many.
const ZEROS_ONE_IN: usize = 100;
const PARQUET: &[u8] = b"PAR1";
/// First bytes of what is no table of rows, with what it is and the way out.
const FOREIGN: [(&[u8], &str, &str); 4] = [
    (b"PK\x03\x04", "is a workbook or an archive", "save the sheet as CSV, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "is an old workbook", "save the sheet as CSV"),
    (b"\xff\xfe", "is UTF-16", "save it as UTF-8: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "is UTF-16", "save it as UTF-8: iconv -f UTF-16 -t UTF-8"),
];

/// The kind of a file by the beginning of its unpacked bytes, unless the caller says it.
///
/// # Errors
/// `Contract` for what cannot be read as rows.
pub(crate) fn kind_of(
    said: Option<Kind>,
    path: &Path,
    head: &[u8],
    shown: &str,
) -> Result<Kind, Error> {
    if let Some((_, what, help)) = FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(refused(shown, what, *help));
    }
    let is_parquet = head.starts_with(PARQUET);
    if said == Some(Kind::Parquet) && !is_parquet {
        return Err(refused(shown, "is no Parquet file", "leave out --format to have it found"));
    }
    if is_parquet {
        return Ok(Kind::Parquet);
    }
    // A stray zero in a text spoils its row; many of them are no text.
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    if zeros * ZEROS_ONE_IN > head.len() {
        let help = "huiliu load reads JSON lines, CSV and Parquet; have it exported as one of them";
        return Err(refused(shown, "is no text", help));
    }
    let text = head.strip_prefix(BOM).unwrap_or(head);
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let named = |wanted: &[&str]| {
        let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase());
        let name = name.unwrap_or_default();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        wanted.iter().any(|end| name.ends_with(end))
    };
    match (said, first) {
        (Some(kind), _) => Ok(kind),
        (None, Some(b'[')) if !named(&[".csv", ".tsv"]) => {
            let help = "write one object a line: jq -c '.[]' FILE | huiliu load DATASET -";
            Err(refused(shown, "is one JSON array", help))
        }
        (None, Some(b'{')) => Ok(Kind::JsonLines),
        (None, _) if named(&[".jsonl", ".ndjson", ".json"]) => Ok(Kind::JsonLines),
        (None, _) => Ok(Kind::Csv),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::ErrorKind;

    fn kind(name: &str, head: &[u8]) -> Result<Kind, Error> {
        kind_of(None, Path::new(name), head, name)
    }

    #[test]
    fn bytes_tell_the_kind_before_the_name_does() {
        for (name, head, expected) in [
            ("a.csv", &b"PAR1\x15\x04"[..], Kind::Parquet),
            ("a.dat", b"\xef\xbb\xbf {\"a\":1}", Kind::JsonLines),
            ("a.json", b"broken", Kind::JsonLines),
            ("a.jsonl.gz", b"broken", Kind::JsonLines),
            ("a.csv", b"[x],y\n", Kind::Csv),
            ("a", "户号,金额\n".as_bytes(), Kind::Csv),
        ] {
            assert_eq!(kind(name, head).expect("rows"), expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_table_of_rows_is_refused_with_a_way_out() {
        for head in
            [&b"PK\x03\x04rest"[..], b"\xff\xfea\0", b"\xfe\xff\0a", b"[{\"a\":1}]", b"\0\x01"]
        {
            let error = kind("a.dat", head).expect_err("refused");
            assert_eq!(error.kind, ErrorKind::Contract, "{head:?}");
            assert!(error.help.is_some(), "{head:?}");
        }
    }
}
