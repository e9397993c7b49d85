//! Text kinds beyond the shared vectors: names, brackets, identifiers, repair.

use super::*;

fn check(kind: TextKind, text: &str, expected: &str) {
    let Value::Text(found, _) = normalise(kind, text) else {
        panic!("{text:?} as {kind:?} is no text");
    };
    assert_eq!(found, expected, "{text:?} as {kind:?}");
    let again = normalise(kind, expected);
    assert!(matches!(&again, Value::Text(t, _) if t == expected), "{expected:?} again: {again:?}");
}

fn flags(kind: TextKind, text: &str) -> Flags {
    match normalise(kind, text) {
        Value::Text(_, flags) => flags,
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn clean_text_is_borrowed() {
    for (kind, text) in [
        (TextKind::Free, "重庆市 渝中区 5-2"),
        (TextKind::Free, "plain ASCII (x)."),
        (TextKind::PersonName, "买买提·吐尔逊"),
        (TextKind::OrgName, "重庆某某（集团）有限公司"),
        (TextKind::OrgName, "ABC (China) Ltd."),
        (TextKind::Free, "王喆"),
    ] {
        let value = normalise(kind, text);
        assert!(matches!(value, Value::Text(Cow::Borrowed(t), _) if std::ptr::eq(t, text)));
    }
}

#[test]
fn names_lose_spaces_between_han_and_get_one_kind_of_dot() {
    check(TextKind::PersonName, " 张　三 ", "张三");
    check(TextKind::PersonName, "买买提 . 吐尔逊", "买买提·吐尔逊");
    check(TextKind::PersonName, "买买提．吐尔逊", "买买提·吐尔逊");
    for dot in ["・", "•", "‧", "∙"] {
        check(TextKind::Name, &format!("阿里{dot}木"), "阿里·木");
    }
    check(TextKind::PersonName, "John  F. Smith", "John F. Smith");
    check(TextKind::Name, "重庆 Bei Ltd.", "重庆 Bei Ltd.");
}

#[test]
fn organisations_keep_full_width_brackets_and_compare_by_ascii_ones() {
    check(TextKind::OrgName, "(渝)有限公司", "（渝）有限公司");
    check(TextKind::OrgName, "（渝)有限公司", "（渝）有限公司");
    check(TextKind::OrgName, "ＡＢＣ（China）", "ABC(China)");
    assert_eq!(match_key("（渝）有限公司"), "(渝)有限公司");
}

#[test]
fn a_person_may_be_called_by_a_word_that_is_null_elsewhere() {
    check(TextKind::PersonName, "无", "无");
    check(TextKind::Name, "空", "空");
    for token in ["", "  ", "NULL", "N/A", "/", "-", "不详", "未知", "***", "不 详", "—"] {
        assert_eq!(normalise(TextKind::PersonName, token), Value::Null, "{token:?}");
    }
    for token in ["无", "空", "暂无", "未填", "待补充", "None", "na", "\\N", ".", "*", "--"]
    {
        assert_eq!(normalise(TextKind::Free, token), Value::Null, "{token:?}");
    }
}

#[test]
fn missing_glyphs_and_stars_in_names_are_remarks() {
    assert_eq!(flags(TextKind::PersonName, "李□"), Flags::MISSING_GLYPH);
    assert_eq!(flags(TextKind::PersonName, "李?"), Flags::MISSING_GLYPH);
    assert_eq!(flags(TextKind::PersonName, "李**"), Flags::MASKED);
    assert_eq!(flags(TextKind::Free, "李□?**"), Flags::default());
}

#[test]
fn addresses_name_the_city_once() {
    check(TextKind::Address, "重庆市重庆市渝中区", "重庆市渝中区");
    check(TextKind::Address, "重庆市重庆市重庆市", "重庆市");
    check(TextKind::Address, "人民路\n1号", "人民路 1号");
}

#[test]
fn mojibake_is_repaired_and_flagged_even_through_full_width_letters() {
    check(TextKind::Free, "寮犱笁", "张三");
    assert_eq!(flags(TextKind::PersonName, "寮犱笁"), Flags::MOJIBAKE);
    // UTF-8 of 责 is E8 B4 A3, so the E4 behind it in 责任's neighbour 一 pairs up to ｄ (A3 E4).
    let broken = encoding_rs::GBK.decode("责一家人".as_bytes()).0.into_owned();
    assert!(broken.contains('ｄ'), "{broken}");
    check(TextKind::Free, &broken, "责一家人");
    // Rare characters alone are no mojibake, nor is text with an odd count of bytes.
    check(TextKind::PersonName, "喆翀", "喆翀");
    check(TextKind::Free, "囍", "囍");
    assert_eq!(normalise(TextKind::Free, "自然人\u{fffd}"), Value::Broken);
}

#[test]
fn the_common_characters_are_those_of_level_one() {
    let common = mojibake::common();
    let count = ('\u{4e00}'..='\u{9fff}').filter(|c| common.contains(*c)).count();
    // GB 2312-80 has 3,755 characters in level 1.
    assert_eq!(count, 3755);
    assert!(common.contains('啊') && common.contains('座') && !common.contains('亍'));
}

#[test]
fn identifiers_lose_spaces_hyphens_apostrophes_and_case() {
    assert_eq!(identifier(" ‘ab-12　Ｘ", false).as_deref(), Some("AB12X"));
    assert_eq!(identifier("1–2—3", true).as_deref(), Some("1-2-3"));
    assert_eq!(identifier("- -", false), None);
    assert_eq!(identifier("n / a", false), None);
    assert!(matches!(identifier("AB12", false), Some(Cow::Borrowed("AB12"))));
}
