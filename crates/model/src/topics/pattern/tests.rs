//! Cases by hand; [`the_c_library_agrees`] asks `grep -E`, which has the C library's expressions.

use super::TopicPattern;
use std::io::Write;
use std::process::{Command, Stdio};

const PATTERNS: [&str; 9] = [
    r"^feed\.water\.bill(\.[a-z]+)?$",
    "^feed.water.bill$",
    "^[ab]+c*$",
    "^(a|bc)+(_|-)?[0-9]$",
    "^a(b(c|d)*|e)?f$",
    "^[^a-y._-]+$",
    "^x[A-Z0-9_-]*$",
    "^x[a.]+-$",
    "^(a*)*b$",
];

const NAMES: [&str; 24] = [
    "feed.water.bill",
    "feed.water.bill.",
    "feed.water.bill.east",
    "feed.water.bill.east.2",
    "feed-water_bill",
    "feed.water.bills",
    "xfeed.water.bill",
    "a",
    "abba",
    "abbaccc",
    "c",
    "a7",
    "abca-0",
    "bc_9",
    "af",
    "abcdcdf",
    "aef",
    "abef",
    "z9Z",
    "xA_-9",
    "xa",
    "x.a-",
    "aaab",
    "b",
];

fn pattern(text: &str) -> TopicPattern {
    TopicPattern::parse(text).unwrap_or_else(|why| panic!("`{text}` {why}"))
}

#[test]
fn a_name_matches_as_a_whole() {
    let bills = pattern(r"^feed\.water\.bill(\.[a-z]+)?$");
    for name in ["feed.water.bill", "feed.water.bill.east"] {
        assert!(bills.matches(name), "{name}");
    }
    for name in ["feed.water.bill.", "feed.water.bills", "afeed.water.bill", "feed-water.bill", ""]
    {
        assert!(!bills.matches(name), "{name}");
    }
}

#[test]
fn the_c_library_agrees() {
    for text in PATTERNS {
        let mut grep = Command::new("grep")
            .args(["-E", "--", text])
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("every system with the C library's expressions has grep");
        let mut input = grep.stdin.take().expect("piped");
        input.write_all(NAMES.join("\n").as_bytes()).expect("written");
        drop(input);
        let output = grep.wait_with_output().expect("it ends");
        let expected = String::from_utf8(output.stdout).expect("names");
        let ours = pattern(text);
        let found: Vec<&str> = NAMES.into_iter().filter(|name| ours.matches(name)).collect();
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn what_has_several_meanings_is_refused_and_said() {
    for (text, why) in [
        ("feed.*", "does not begin with `^` and end with `$`"),
        ("^a|b$", "has `|` outside of parentheses"),
        ("^a)$", "has `)` where nothing opens it"),
        ("^(a$", "has a `(` that is not closed"),
        ("^(a|)$", "has an empty part"),
        ("^$", "has an empty part"),
        ("^a*?$", "repeats `*`"),
        ("^*a$", "has `*` where nothing can be repeated"),
        (r"^\d$", "has a backslash that is not `\\.`"),
        ("^a{2}$", "has `{`: only letters, digits and `_ - \\. . [ ] ( ) | * + ?`"),
        ("^[[:alpha:]]$", "has `[` in `[…]`"),
        ("^[a$", "has a `[` that is not closed"),
        ("^[a-Z]$", "has `a-Z`, which is no range of letters or digits"),
        ("^[-a]$", "has `-` in `[…]` that is not last"),
        ("^[]$", "has an empty `[]`"),
        ("^用户$", "has `用`: only letters, digits and `_ - \\. . [ ] ( ) | * + ?`"),
        ("^.*$", "takes Kafka's own `__consumer_offsets` as well"),
        ("^_[a-z_]+_state$", "takes Kafka's own `__transaction_state` as well"),
    ] {
        assert_eq!(TopicPattern::parse(text).expect_err(text), why, "{text}");
    }
    assert!(TopicPattern::parse(&format!("^{}$", "a".repeat(248))).is_err());
    assert!(TopicPattern::parse(&format!("^{}a{}$", "(".repeat(17), ")".repeat(17))).is_err());
}

#[test]
fn two_patterns_share_the_shortest_name_that_both_match() {
    let shared = |one: &str, other: &str| pattern(one).shared_with(&pattern(other));
    assert_eq!(shared(r"^feed\.[a-z]+$", r"^.*\.water$").as_deref(), Some("feed.water"));
    assert_eq!(shared("^a+b?$", "^aa(b|c)$").as_deref(), Some("aab"));
    assert_eq!(shared(r"^feed\.gas\..+$", r"^feed\.water\..+$"), None);
    assert_eq!(shared("^[a-m]+$", "^[n-z]+$"), None);
    assert_eq!(shared("^(aa)+$", "^a(aa)*$"), None, "even and odd");
}

#[test]
fn a_pattern_that_makes_others_slow_is_not_slow() {
    let nested = pattern("^((((a*)*)*)*)*b$");
    assert!(!nested.matches(&"a".repeat(249)));
    assert!(nested.matches(&format!("{}b", "a".repeat(248))));
}
