//! The grammar of the scanner, case by case.

use super::*;

fn pass(text: &str, nesting: usize) -> Result<Token, (Fault, usize)> {
    let mut cursor = Cursor::new(text.as_bytes(), nesting);
    let token = cursor.value().and_then(|token| cursor.finish().map(|()| token));
    token.map_err(|fault| (fault, cursor.at()))
}

#[test]
fn values_of_every_kind_are_passed() {
    for (text, kind, raw) in [
        ("null", Kind::Null, "null"),
        (" true ", Kind::True, "true"),
        ("\t\r\nfalse\n", Kind::False, "false"),
        ("0", Kind::Number, "0"),
        ("-0.0e-0", Kind::Number, "-0.0e-0"),
        ("123456789012345678901234567890", Kind::Number, "123456789012345678901234567890"),
        ("1.5E+3", Kind::Number, "1.5E+3"),
        ("\"\"", Kind::Text, ""),
        ("\"重庆市 渝中区 \u{1F3D9}\"", Kind::Text, "重庆市 渝中区 \u{1F3D9}"),
        ("\"a long text, longer than a word\"", Kind::Text, "a long text, longer than a word"),
        ("\"\u{7f}\u{80}\u{9f}\"", Kind::Text, "\u{7f}\u{80}\u{9f}"),
        (r#""a\"b""#, Kind::Escaped, r#"a\"b"#),
        (r#""\\""#, Kind::Escaped, r"\\"),
        ("{}", Kind::Object, "{}"),
        (" [ ] ", Kind::Array, "[ ]"),
        (r#"{"a":[1,{"b":"]}"},[]],"c":{}}"#, Kind::Object, r#"{"a":[1,{"b":"]}"},[]],"c":{}}"#),
    ] {
        let token = pass(text, 32).unwrap();
        assert_eq!((token.kind, token.raw(text.as_bytes())), (kind, raw.as_bytes()), "{text}");
    }
}

#[test]
fn a_broken_document_is_refused_where_it_breaks() {
    use Fault::{Truncated, Unexpected};
    for (text, fault, at) in [
        ("", Truncated, 0),
        ("  ", Truncated, 2),
        ("nul", Truncated, 3),
        ("nulL", Unexpected, 3),
        ("nulll", Unexpected, 4),
        ("True", Unexpected, 0),
        ("NaN", Unexpected, 0),
        ("-", Truncated, 1),
        ("-a", Unexpected, 1),
        ("+1", Unexpected, 0),
        ("01", Unexpected, 1),
        ("1.", Truncated, 2),
        ("1.e3", Unexpected, 2),
        (".5", Unexpected, 0),
        ("1e", Truncated, 2),
        ("1e+", Truncated, 3),
        ("1e+x", Unexpected, 3),
        ("'a'", Unexpected, 0),
        ("\"abc", Truncated, 4),
        ("\"ab\\", Truncated, 4),
        ("\"a\nb\"", Unexpected, 2),
        ("\"0123456789\tb\"", Unexpected, 11),
        ("\"01234567890123\u{1f}b\"", Unexpected, 15),
        (r#""\x41""#, Unexpected, 2),
        (r#""\u12"#, Truncated, 5),
        (r#""\u12G4""#, Unexpected, 5),
        ("{", Truncated, 1),
        ("[1", Truncated, 2),
        ("[1}", Unexpected, 2),
        ("{\"a\":1]", Unexpected, 6),
        ("[1,]", Unexpected, 3),
        ("[,1]", Unexpected, 1),
        ("[1 2]", Unexpected, 3),
        ("{\"a\":1,}", Unexpected, 7),
        ("{\"a\"}", Unexpected, 4),
        ("{\"a\" 1}", Unexpected, 5),
        ("{\"a\":}", Unexpected, 5),
        ("{a:1}", Unexpected, 1),
        ("{1:1}", Unexpected, 1),
        ("{\"a\":1 \"b\":2}", Unexpected, 7),
        ("{} x", Unexpected, 3),
        ("{}}", Unexpected, 2),
        ("[[1]", Truncated, 4),
        ("\u{feff}{}", Unexpected, 0),
        ("[\u{3000}]", Unexpected, 1),
        ("[1,/**/2]", Unexpected, 3),
    ] {
        assert_eq!(pass(text, 32).unwrap_err(), (fault, at), "{text}");
    }
}

#[test]
fn half_of_a_surrogate_pair_is_refused() {
    assert_eq!(pass(r#""\ud83c\udfd9""#, 1).unwrap().kind, Kind::Escaped);
    for text in [
        r#""\ud83c""#,
        r#""\ud83cx""#,
        r#""\ud83c\n""#,
        r#""\ud83c\u0041""#,
        r#""\ud83c\ud83c""#,
        r#""\udfd9""#,
        r#"{"a":["\udfd9"]}"#,
    ] {
        assert_eq!(pass(text, 32).unwrap_err().0, Fault::Unexpected, "{text}");
    }
    assert_eq!(pass(r#""\ud83c"#, 1).unwrap_err().0, Fault::Truncated);
    assert_eq!(pass(r#""\ud83c\udf"#, 1).unwrap_err().0, Fault::Truncated);
}

#[test]
fn nesting_is_bounded_and_the_bound_is_exact() {
    for limit in [1, 2, 32, NESTING_MAX] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = if open == "[" { "" } else { "1" };
            let deep = |levels: usize| open.repeat(levels) + inner + &close.repeat(levels);
            assert!(pass(&deep(limit), limit).is_ok());
            let (fault, at) = pass(&deep(limit + 1), limit).unwrap_err();
            assert_eq!((fault, at), (Fault::TooDeep, open.len() * limit));
        }
    }
    assert_eq!(pass("[[]]", 1).unwrap_err(), (Fault::TooDeep, 1));
    assert!(pass("[{},[],{}]", 2).is_ok());
    let endless = "[".repeat(1_000_000);
    assert_eq!(pass(&endless, usize::MAX).unwrap_err(), (Fault::TooDeep, NESTING_MAX));
}

#[test]
fn levels_that_were_entered_count_towards_the_bound() {
    let text = br#"{"a":{"b":[[1]]}}"#;
    for (limit, fits) in [(4, true), (3, false)] {
        let mut cursor = Cursor::new(text, limit);
        assert!(cursor.enter().unwrap());
        cursor.name().unwrap();
        assert!(cursor.enter().unwrap());
        cursor.name().unwrap();
        assert_eq!(cursor.value().is_ok(), fits);
    }
    let mut cursor = Cursor::new(b"{}", 0);
    assert_eq!(cursor.enter(), Err(Fault::TooDeep));
    assert_eq!(cursor.at(), 0);
}

#[test]
fn escapes_mean_what_the_grammar_says() {
    for (raw, expected) in [
        ("", ""),
        ("plain", "plain"),
        (r#"\"\\\/"#, "\"\\/"),
        (r"\b\t\n\f\r", "\u{8}\t\n\u{c}\r"),
        (r"a\u0000b", "a\0b"),
        (r"\u91cd\u5E86市", "重庆市"),
        (r"\ud83c\udfd9\uD800\uDC00\udbff\udfff", "\u{1F3D9}\u{10000}\u{10FFFF}"),
        (r"\ue000\ud7ff", "\u{e000}\u{d7ff}"),
        (r"ends with \\", "ends with \\"),
    ] {
        let mut text = Vec::new();
        unescape(raw.as_bytes(), &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), expected, "{raw}");
    }
}

#[test]
fn a_stop_is_found_at_every_place_of_a_word_and_nothing_else_is() {
    for length in 0..40 {
        for place in 0..length {
            for byte in 0..=255u8 {
                let mut bytes = vec![b'!'; length];
                bytes[place] = byte;
                let stops = byte == b'"' || byte == b'\\' || byte < 0x20;
                let expected = if stops { place } else { length };
                assert_eq!(text::plain_end(&bytes, 0), expected, "{length} {place} {byte}");
            }
        }
    }
}

#[test]
fn a_repeated_value_is_passed_by_comparison_only_if_it_is_the_same() {
    let twin = br#"{"a":1}"#;
    for (text, end) in [
        (&br#"{"a":1},"#[..], Some(7)),
        (br#" {"a":1}"#, Some(8)),
        (br#"{"a":2}"#, None),
        (br#"{"a":1 }"#, None),
        (br#"{"a":12}"#, None),
        (b"null", None),
    ] {
        let mut cursor = Cursor::new(text, 8);
        let taken = cursor.take_twin(twin).unwrap();
        assert_eq!(taken.map(|token| token.end), end);
        if taken.is_none() {
            cursor.value().unwrap();
        }
        assert_eq!(cursor.at(), text.len() - usize::from(text.ends_with(b",")));
    }
    assert_eq!(Cursor::new(b"", 8).take_twin(twin), Err(Fault::Truncated));
}

/// Values that are taken in one look, of every length that is.
fn usual_values() -> Vec<String> {
    let digits = "1234567890123456789012345678901234567890";
    let mut values: Vec<String> =
        ["null", "true", "false", "0", "-0", "0.5", "-0.25"].map(str::to_owned).into();
    values.extend((0..=64).map(|length| format!("\"{}\"", &"x".repeat(length))));
    values.push("\"重庆市渝中区人民路128号\"".to_owned());
    for length in 1..=30 {
        values.push(digits[..length].to_owned());
        values.push(format!("-{}", &digits[..length]));
        values
            .extend((1..length - 1).map(|at| format!("{}.{}", &digits[..at], &digits[at..length])));
    }
    values
}

#[test]
fn a_field_taken_in_one_look_is_the_field_that_is_read() {
    let rest = format!("\"next\":\"{}\"}}", "y".repeat(100));
    for name in ["a", "面积", "abcdefghijklmn"] {
        let quoted = QuotedName::new(name.as_bytes()).unwrap();
        for value in usual_values() {
            let text = format!("{{\"{name}\":{value},{rest}");
            let mut cursor = Cursor::new(text.as_bytes(), 8);
            cursor.enter().unwrap();
            let mut other = cursor;
            assert!(other.take_name(&quoted), "{text}");
            let expected = other.value().unwrap();
            assert!(other.more().unwrap());
            assert_eq!(cursor.take_field(&quoted), Some(expected), "{text}");
            assert_eq!(cursor.at(), other.at(), "{text}");
        }
    }
}

#[test]
fn a_field_that_is_not_the_usual_one_is_left_where_it_is() {
    let long = format!("\"{}\"", "x".repeat(65));
    for field in [
        r#""a" :1,"b""#,
        r#""a": 1,"b""#,
        r#""a":1 ,"b""#,
        r#""a":1, "b""#,
        r#""a":1}"#,
        r#""b":1,"b""#,
        r#""ab":1,"b""#,
        r#""a":1e3,"b""#,
        r#""a":1.5E3,"b""#,
        r#""a":01,"b""#,
        r#""a":-,"b""#,
        r#""a":-01,"b""#,
        r#""a":1.,"b""#,
        r#""a":1.2.3,"b""#,
        r#""a":.5,"b""#,
        r#""a":+5,"b""#,
        r#""a":"x\n","b""#,
        "\"a\":\"x\n\",\"b\"",
        r#""a":nulL,"b""#,
        r#""a":trua,"b""#,
        r#""a":falsy,"b""#,
        r#""a":true1,"b""#,
        r#""a":{},"b""#,
        r#""a":[],"b""#,
        &format!("\"a\":{},\"b\"", "1".repeat(32)),
        &format!("\"a\":{long},\"b\""),
    ] {
        let text = format!("{{{field}:\"{}\"}}", "y".repeat(100));
        let mut cursor = Cursor::new(text.as_bytes(), 8);
        cursor.enter().unwrap();
        let start = cursor.at();
        assert_eq!(cursor.take_field(&QuotedName::new(b"a").unwrap()), None, "{text}");
        assert_eq!(cursor.at(), start);
    }
    // Near the end of a document there is no room for the look.
    let mut cursor = Cursor::new(br#"{"a":1,"b":2}"#, 8);
    cursor.enter().unwrap();
    assert_eq!(cursor.take_field(&QuotedName::new(b"a").unwrap()), None);
}

#[test]
fn what_lies_behind_a_document_is_looked_at_and_never_taken() {
    let text = r#"{"a":"重庆","b":12,"a":null,"b":true,"a":"y","b":-0.5,"a":"","b":7}"#;
    // Behind each cut the document goes on as if nothing had happened.
    let arena = [text, &r#","a":1,"b":2"#.repeat(20)].concat().into_bytes();
    let names = ["a", "b"].map(|name| QuotedName::new(name.as_bytes()).expect("it is plain"));
    let read = |mut cursor: Cursor| {
        let mut tokens = Vec::new();
        let mut run = || {
            let mut more = cursor.enter()?;
            for name in names.iter().cycle() {
                if !more {
                    break;
                }
                if let Some(token) = cursor.take_field(name) {
                    tokens.push(token);
                    continue;
                }
                cursor.name()?;
                tokens.push(cursor.value()?);
                more = cursor.more()?;
            }
            cursor.finish()
        };
        let ended = run();
        (ended, cursor.at(), tokens)
    };
    for end in 0..=text.len() {
        let alone = read(Cursor::new(&arena[..end], 8));
        assert_eq!(read(Cursor::within(&arena, 0..end, 8)), alone, "{end} bytes");
        assert_eq!(alone.0.is_ok(), end == text.len());
    }
}
