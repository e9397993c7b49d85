//! The outcome model; the rules themselves are tested where they live and in `tests/`.

use super::*;

#[test]
fn flags_are_distinct_and_named_once() {
    for (i, (name, flag)) in Flags::ALL.into_iter().enumerate() {
        assert_eq!(flag.iter().collect::<Vec<_>>(), [name]);
        for (other_name, other) in Flags::ALL.into_iter().skip(i + 1) {
            assert_ne!(flag, other, "{name} and {other_name}");
            assert_ne!(name, other_name);
        }
    }
    let both = Flags::LEGACY | Flags::REGION_UNKNOWN;
    assert_eq!(both.iter().collect::<Vec<_>>(), ["REGION_UNKNOWN", "LEGACY"]);
}

#[test]
fn a_clean_value_is_borrowed_and_a_changed_one_is_fixed() {
    let context = Context::default();
    let clean = "11010519491231002X";
    let outcome = apply(NamedRule::ResidentId, clean, &context);
    assert!(matches!(outcome, Outcome::Ok(Cow::Borrowed(text)) if std::ptr::eq(text, clean)));
    assert!(!outcome.is_fixed(clean));
    let outcome = apply(NamedRule::ResidentId, "11010519491231002x", &context);
    assert!(outcome.is_fixed("11010519491231002x"));
    assert!(!Outcome::Err(Reason::Length).is_fixed("1"));
}

#[test]
fn explain_speaks_the_words_of_the_vectors() {
    let explain = |rule, value| super::explain(rule, value, &Context::default());
    let legacy = explain(NamedRule::ProjectCode, "2017-500103-70-03-000123");
    assert_eq!((legacy.outcome, legacy.flags), ("warn", vec!["LEGACY"]));
    let joined = explain(NamedRule::ProjectCode, "21115001031705165243");
    assert_eq!((joined.outcome, joined.reason), ("error", Some("FORMAT")));
    assert_eq!(joined.suggestion.as_deref(), Some("2111-500103-17-05-165243"));
    let masked = explain(NamedRule::ResidentId, "500103********1234");
    assert_eq!((masked.outcome, masked.reason), ("null", Some("MASKED")));
    let null = explain(NamedRule::Text, "暂无");
    assert_eq!((null.outcome, null.reason, null.normalised), ("null", Some("NULL_TOKEN"), None));
    let end = explain(NamedRule::Date, "长期");
    assert_eq!((end.outcome, end.reason), ("null", Some("OPEN_END")));
    let date = explain(NamedRule::Date, "2019-02-30");
    assert_eq!((date.outcome, date.reason), ("error", Some("CALENDAR")));
}
