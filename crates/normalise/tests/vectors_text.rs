//! Every vector of `normalise_vectors.json`: text kinds, null tokens and mojibake.

use huiliu_normalise::rule::Flags;
use huiliu_normalise::text::{TextKind, Value as Text, match_key, normalise};
use serde_json::Value;

fn vectors(section: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/normalise_vectors.json"))
        .expect("the vectors are JSON");
    let list = all[section].as_array().expect("a section is a list").clone();
    assert!(!list.is_empty());
    list
}

#[test]
fn texts_and_null_tokens_agree_with_the_vectors() {
    for vector in vectors("text") {
        let (text, rule) = (vector["in"].as_str().unwrap(), vector["rule"].as_str().unwrap());
        let kind = if rule.starts_with("names:") { TextKind::PersonName } else { TextKind::Free };
        let found = match normalise(kind, text) {
            Text::Text(found, flags) => {
                assert_eq!(flags, Flags::default(), "{text:?}");
                Some(found.into_owned())
            }
            Text::Null => None,
            Text::Broken => panic!("{text:?}"),
        };
        assert_eq!(found.as_deref(), vector["out"].as_str(), "{text:?} ({rule})");
        if rule.contains("not for names") {
            assert!(matches!(normalise(TextKind::PersonName, text), Text::Text(..)), "{text:?}");
        }
        if rule.starts_with("organisation names") {
            // Half-width brackets are for comparing; the name itself keeps full-width ones.
            let display = normalise(TextKind::OrgName, text);
            assert!(matches!(&display, Text::Text(name, _) if name == text), "{display:?}");
            assert_eq!(Some(match_key(text).as_ref()), vector["out"].as_str());
        }
    }
}

#[test]
fn mojibake_is_repaired_where_no_byte_was_lost() {
    for vector in vectors("mojibake") {
        let truth = vector["truth"].as_str().unwrap();
        let broken = vector["utf8_read_as_gbk"].as_str().unwrap();
        let expected = match vector["recoverable"].as_bool().unwrap() {
            true => Text::Text(truth.into(), Flags::MOJIBAKE),
            false => Text::Broken,
        };
        assert_eq!(normalise(TextKind::Free, broken), expected, "{truth}");
        let lossy = vector["gbk_read_as_utf8"].as_str().unwrap();
        assert_eq!(normalise(TextKind::Free, lossy), Text::Broken, "{truth}");
        // Read as Latin-1 it is not recognised; it must not become something else either.
        let clean = normalise(TextKind::Free, truth);
        assert_eq!(clean, Text::Text(truth.into(), Flags::default()));
    }
}
