//! Expected forms are written by hand.

use super::*;

fn formatted(text: &str) -> String {
    let done = canonical(FileKind::Dataset, Path::new("a.yaml"), text);
    done.unwrap_or_else(|found| panic!("{}", found[0]))
}

#[test]
fn spaces_blank_lines_and_line_ends_are_put_right() {
    let text = "\r\n\r\ndataset: a   \r\ntitle: 账 # why\n\n\n\nkey: [ a ,b,  c ]\n\n";
    assert_eq!(formatted(text), "dataset: a\ntitle: 账  # why\n\nkey: [a, b, c]\n");
}

#[test]
fn keys_take_their_order_and_bring_the_comments_above_them() {
    let text = "# head\nkey: [a]\n#the title\ntitle: t\n# of the dataset\ndataset: d\n";
    let expected = "# head\n# of the dataset\ndataset: d\n# the title\ntitle: t\nkey: [a]\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn columns_on_one_line_and_their_comments_stay() {
    let text = "columns:\n  - { name: a, rules: [ {at_least: -1} ] }   # negative: refund\n";
    let expected = "columns:\n  - {name: a, rules: [{at_least: -1}]}   # negative: refund\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn texts_are_left_alone() {
    let text = "title: \"a ,  b # no comment\"\nprovider: 'it''s  {x ,y}'\n\
                cycle: |\n  a  \n\n\n  #b\nmode: a#b\n";
    assert_eq!(formatted(text), text);
}

#[test]
fn what_is_canonical_stays_as_it_is() {
    let once = formatted("key: [ b ]\ndataset: x # c\n\n\n#d\n");
    assert_eq!(once, "dataset: x  # c\nkey: [b]\n\n# d\n");
    assert_eq!(formatted(&once), once);
}

#[test]
fn a_file_that_would_lose_something_is_refused() {
    // An anchor has to stand before its alias.
    let text = "key: &k [a]\nbucket_by: *k\ndataset: *k\n";
    let found = canonical(FileKind::Dataset, Path::new("a.yaml"), text).expect_err("refused");
    assert_eq!(found[0].code.as_str(), "HUILIU-CFG-0028");
    let broken = canonical(FileKind::Dataset, Path::new("a.yaml"), "a: [").expect_err("no YAML");
    assert_eq!(broken[0].code.as_str(), "HUILIU-CFG-0002");
}
