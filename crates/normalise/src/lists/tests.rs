//! Aliases, padding and what is not in a list.

use super::*;

fn check(list: &str, text: &str, expected: Option<(&str, bool)>) {
    let found = CodeList::get(list).unwrap().canonical(text);
    assert_eq!(found, expected, "{list}: {text:?}");
}

#[test]
fn codes_are_found_as_they_are() {
    check("sex", "1", Some(("1", false)));
    check("ethnicity", "01", Some(("01", false)));
    check("house_grade", "C", Some(("C", false)));
}

#[test]
fn words_and_spreadsheet_forms_become_codes() {
    for (list, text, code) in [
        ("sex", "男", "1"),
        ("sex", "M", "1"),
        ("sex", "f", "2"),
        ("sex", "1.0", "1"),
        ("sex", " 女性 ", "2"),
        ("ethnicity", "汉族", "01"),
        ("ethnicity", "汉", "01"),
        ("ethnicity", "HA", "01"),
        ("ethnicity", "1", "01"),
        ("ethnicity", "15.0", "15"),
        ("ethnicity", "57", "97"),
        ("ethnicity", "58", "98"),
        ("marital", "已", "20"),
        ("marital", "未婚", "10"),
        ("education", "20.0", "20"),
        ("education", "大学", "20"),
        ("entity_status", "开业", "1"),
        ("entity_status", "吊销，未注销", "2"),
        ("entity_status", "注销企业", "4"),
        ("entity_type", "4530.0", "4530"),
        ("licence_state", "正常", "01"),
        ("licence_state", "1", "01"),
        ("holder_code_type", "公民身份号码", "111"),
        ("holder_code_type", "1", "001"),
        ("currency", "rmb", "156"),
        ("currency", "人民币", "156"),
        ("house_grade", "C级", "C"),
    ] {
        check(list, text, Some((code, true)));
    }
}

#[test]
fn what_is_not_in_a_list_is_unknown() {
    check("sex", "3", None);
    check("ethnicity", "99", None);
    check("ethnicity", "", None);
    // Several classes are called 其他: the name alone does not say which.
    check("uscc_class", "其他", None);
    assert!(CodeList::get("no_such_list").is_none());
    let list = CodeList::get("sex").unwrap();
    assert_eq!(list.apply("7"), Outcome::Err(Reason::CodeUnknown));
    assert_eq!(list.apply(" 不详"), Outcome::Null(None));
    assert_eq!(list.apply("男").text(), Some("1"));
}

#[test]
fn every_alias_names_a_code_of_a_list_and_none_hides_one() {
    for line in ALIASES.lines().skip(1) {
        let [list, alias, code] = cells(line)[..] else { panic!("{line}") };
        let list = CodeList::get(list).unwrap_or_else(|| panic!("no list in {line}"));
        assert_eq!(list.code(code), Some(code), "{line}");
        assert_eq!(list.code(alias), None, "{line}");
        assert_eq!(list.canonical(alias), Some((code, true)), "{line}");
    }
    // 342 data rows in the specification's file, quoted cells among them.
    let count: usize =
        CodeList::names().iter().map(|n| CodeList::get(n).unwrap().codes().count()).sum();
    assert_eq!(count, 342);
    assert!(CodeList::get("elec_category").unwrap().codes().any(|(code, _)| code == "200"));
}
