//! JSON text into an arena.

/// Writes a text as a JSON string (RFC 8259: quotes, backslashes and controls escaped).
pub(crate) fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[done..at]);
        done = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let digit = |nibble: u8| DIGITS[usize::from(nibble)];
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&text[done..]);
    out.push(b'"');
}

/// The beginning of a member of an object: `"name":`. Names are ASCII identifiers.
pub(crate) fn member(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    string(name.as_bytes(), &mut out);
    out.push(b':');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn strings_say_the_same_to_another_parser() {
        for text in ["", "渝中区", "a\"b\\c", "\u{0}\u{1f}\u{7f}", "line\r\nline\t", "\\", "\""]
        {
            let mut out = Vec::new();
            string(text.as_bytes(), &mut out);
            let read: Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(read, Value::String(text.to_owned()), "{text:?}");
        }
    }
}
