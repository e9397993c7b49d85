//! What must hold for every input: no panic, applying a rule twice changes nothing, and a check
//! character notices a single wrong character where mathematics says so.

use huiliu_model::contract::{MaskKind, NamedRule};
use huiliu_normalise::date::{parse_date, parse_month, parse_timestamp};
use huiliu_normalise::lists::CodeList;
use huiliu_normalise::mask::mask;
use huiliu_normalise::number::{self, Unit};
use huiliu_normalise::rule::{Context, Outcome, apply, explain};
use proptest::prelude::*;

/// Texts with a good chance to come near a rule: fragments of real forms, joined and disturbed.
fn near_text() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        "[0-9]{1,18}",
        "[0-9A-Z]{1,9}",
        "[ ,./;:+()'*-]{1,2}",
        prop::sample::select(vec![
            "11010519491231002X",
            "500103199803159829",
            "91500103MBXFL1AN30",
            "D2143569-X",
            "440524800101001",
            "2111-500103-17-05-165243",
            "500117423785055",
            "5001",
            "500101001",
            "1.2.156.3005.2.",
            "138",
            "023-6389",
            "1234",
            "+86",
            "2019-12-26",
            "T08:30:00",
            "Z",
            "+08:00",
            "二〇一九年",
            "十二月",
            "万元",
            "人民币",
            "％",
            "１２",
            "　",
            "\u{200b}",
            "重庆市",
            "渝中区",
            "（",
            "）",
            "·",
            "・",
            "王",
            "喆",
            "閲嶅簡",
            "寮犱笁",
            "\u{fffd}",
            "×",
            "无",
            "null",
            "E+17",
            ".0",
            "0000",
            "000",
            "XXXX",
            "**",
            "转",
            "%",
            "￥",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(fragment, 0..6).prop_map(|parts| parts.concat())
}

/// Applies every rule to `text` and to its own results.
fn check_rules(text: &str, event_date: Option<i32>) {
    let context = Context { event_date };
    for (name, rule) in NamedRule::ALL {
        let outcome = apply(rule, text, &context);
        let Some(accepted) = outcome.text() else { continue };
        let again = apply(rule, accepted, &context);
        assert_eq!(again.text(), Some(accepted), "{name}: {text:?} → {outcome:?} → {again:?}");
        assert_eq!(outcome.is_fixed(text), accepted != text, "{name}: {text:?}");
    }
}

fn check_readers(text: &str) {
    let bytes = text.as_bytes();
    let _ = (parse_date(bytes), parse_month(bytes), parse_timestamp(bytes));
    for unit in [Unit::Plain, Unit::Yuan, Unit::WanYuan, Unit::Percent] {
        let _ = number::parse_decimal(bytes, 18, 2, unit);
    }
    let _ = (number::parse_integer(bytes), number::parse_double(bytes));
    let _ = number::parse_boolean(bytes);
    for list in CodeList::names().into_iter().filter_map(CodeList::get) {
        if let Some((code, fixed)) = list.canonical(text) {
            assert_eq!(list.canonical(code), Some((code, false)));
            assert_eq!(fixed, code != text);
        }
    }
}

fn check_masks(text: &str) {
    use MaskKind::*;
    for kind in
        [ResidentId, Name, Phone, BankCard, Address, Email, Plate, Passport, Last4, BirthDate]
    {
        let _ = mask(kind, text);
    }
}

/// Every change of one character to another of `alphabet` must be refused.
fn single_changes_are_refused(rule: NamedRule, valid: &str, alphabet: &str, positions: &[usize]) {
    assert!(apply(rule, valid, &Context::default()).text().is_some(), "{valid}");
    for &position in positions {
        for other in alphabet.bytes().filter(|b| *b != valid.as_bytes()[position]) {
            let mut changed = valid.as_bytes().to_vec();
            changed[position] = other;
            let changed = String::from_utf8_lossy(&changed);
            let outcome = apply(rule, &changed, &Context::default());
            assert!(matches!(outcome, Outcome::Err(_)), "{valid} → {changed}: {outcome:?}");
        }
    }
}

const DIGITS: &str = "0123456789";
const DIGITS_X: &str = "0123456789X";
const USCC: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const ALNUM: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The check character of a valid value, found by trying all of `alphabet`.
fn completed(rule: NamedRule, base: &str, alphabet: &str) -> Option<String> {
    let fits = |c: char| {
        let text = format!("{base}{c}");
        apply(rule, &text, &Context::default()).text().is_some().then_some(text)
    };
    alphabet.chars().find_map(fits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_a_rule_panic_or_change_its_own_result(
        text in near_text(),
        event_date in prop::option::of(-40_000..60_000_i32),
    ) {
        check_rules(&text, event_date);
        check_readers(&text);
        check_masks(&text);
        let _ = explain(NamedRule::Uscc, &text, &Context::default());
        let _ = explain(NamedRule::ProjectCode, &text, &Context::default());
    }

    #[test]
    fn arbitrary_strings_are_harmless(text in any::<String>()) {
        check_rules(&text, None);
        check_readers(&text);
        check_masks(&text);
    }

    #[test]
    fn arbitrary_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = (parse_date(&bytes), parse_month(&bytes), parse_timestamp(&bytes));
        let _ = number::parse_decimal(&bytes, 38, 10, Unit::WanYuan);
        let _ = (number::parse_integer(&bytes), number::parse_double(&bytes));
        let _ = number::parse_boolean(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// All weights are prime to 11, so every change is seen.
    #[test]
    fn a_wrong_character_of_a_resident_id_is_noticed(
        day in 0..20_000_u32,
        order in 900..996_u32,
    ) {
        let (year, rest) = (1945 + day / 372, day % 372);
        let (month, day) = (rest / 31 + 1, rest % 28 + 1);
        let base = format!("500103{year}{month:02}{day:02}{order}");
        let id = completed(NamedRule::ResidentId, &base, DIGITS_X).unwrap();
        let positions: Vec<usize> = (0..18).collect();
        single_changes_are_refused(NamedRule::ResidentId, &id, DIGITS_X, &positions);
    }

    /// 31 is prime, so every change is seen.
    #[test]
    fn a_wrong_character_of_a_credit_code_is_noticed(org in "[0-9A-HJ-NP-RTUWXY]{9}") {
        let code = completed(NamedRule::Uscc, &format!("91500103{org}"), USCC).unwrap();
        let positions: Vec<usize> = (0..18).collect();
        single_changes_are_refused(NamedRule::Uscc, &code, USCC, &positions);
    }

    /// ISO 7064 hybrid systems see every single substitution.
    #[test]
    fn a_wrong_character_of_a_hybrid_code_is_noticed(
        sequence in "[0-9]{8}",
        serial in "[0-9A-Z]{12}",
    ) {
        let base = format!("500103{sequence}");
        let number = completed(NamedRule::BusinessRegNo, &base, DIGITS).unwrap();
        let positions: Vec<usize> = (0..15).collect();
        single_changes_are_refused(NamedRule::BusinessRegNo, &number, DIGITS, &positions);
        let front = format!("1.2.156.3005.2.{}016.{0}.{serial}.001.", "91500103MBXFL1AN30");
        let id = completed(NamedRule::ElicenceId, &front, ALNUM).unwrap();
        let start = id.len() - serial.len() - 6;
        let positions: Vec<usize> = (start..start + serial.len()).collect();
        single_changes_are_refused(NamedRule::ElicenceId, &id, ALNUM, &positions);
    }

    /// The weights of GB 11714 are 3 7 9 10 5 8 4 2, all prime to 11; but letters reach 35, so
    /// two characters that differ by a multiple of 11 are the same to it: only digits are sure.
    #[test]
    fn a_wrong_digit_of_an_organisation_code_is_noticed(base in "[0-9]{8}") {
        let code = completed(NamedRule::OrgCode, &base, DIGITS_X).unwrap();
        let positions: Vec<usize> = (0..8).collect();
        single_changes_are_refused(NamedRule::OrgCode, &code, DIGITS, &positions);
        single_changes_are_refused(NamedRule::OrgCode, &code, DIGITS_X, &[8]);
    }

    /// Mathematics promises this for the digits that are no month (which may turn it old).
    #[test]
    fn a_wrong_digit_of_a_project_code_is_noticed(tail in "[0-9]{5}", month in 1..=12_u32) {
        let base = format!("21{month:02}-500103-17-05-{tail}");
        let code = completed(NamedRule::ProjectCode, &base, DIGITS).unwrap();
        let positions: Vec<usize> = (4..24).filter(|i| ![4, 11, 14, 17].contains(i)).collect();
        single_changes_are_refused(NamedRule::ProjectCode, &code, DIGITS, &positions);
    }
}
