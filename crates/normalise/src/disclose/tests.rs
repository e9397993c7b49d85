//! Expected texts are the rules of DOMAIN 5.3 applied by hand; numbers are synthetic.

use super::*;
use huiliu_model::contract::OnFail;

fn column(grade: Grade, rule: Option<NamedRule>, protect: Protect) -> Column {
    Column {
        name: "c".into(),
        title: "c".into(),
        data_type: DataType::String,
        required: false,
        unit: None,
        grade,
        protect,
        rules: rule.into_iter().map(Rule::Named).collect(),
        on_fail: OnFail::Null,
        source: huiliu_model::contract::AtSource::default(),
    }
}

#[test]
fn people_see_graded_values_masked_by_their_kind() {
    let check = |grade, rule, text: &str, expected: &str| {
        let column = column(grade, rule, Protect::Keep);
        assert_eq!(shown(&column, text), expected, "{grade:?} {rule:?}");
    };
    let id = Some(NamedRule::ResidentId);
    check(Grade::L4, id, "500103199001019517", "500103********9517");
    check(Grade::L4, Some(NamedRule::HolderCode), "nonsense", "********");
    check(Grade::L3, Some(NamedRule::PersonName), "王小明", "王**");
    check(Grade::L3, Some(NamedRule::Phone), "13812345678", "138****5678");
    check(Grade::L3, Some(NamedRule::AccountNo), "5001123401", "******3401");
    check(Grade::L4, None, "anything", "***");
    check(Grade::L1, Some(NamedRule::Uscc), "91500000MA5U0XXX3", "91500000MA5U0XXX3");
    check(Grade::L2, None, "暂无", "暂无");
}

#[test]
fn a_resident_id_is_masked_whatever_the_grade_of_its_column() {
    let open = column(Grade::L1, Some(NamedRule::Uscc), Protect::Keep);
    assert_eq!(shown(&open, "500103199001019517"), "500103********9517");
    assert_eq!(shown(&open, "50010319900101951X"), "500103********951X");
    assert_eq!(shown(&open, "电话13812345678转"), "电话138****5678转");
    assert_eq!(shown(&open, "6222020200112233445"), "622202*********3445");
    // A unified social credit code and a registration number are public.
    assert_eq!(shown(&open, "915000002030000018"), "915000002030000018");
    assert_eq!(shown(&open, "500105099912345"), "500105099912345");
}

#[test]
fn the_ledger_sees_what_the_column_stores() {
    let keys = crate::Keys { id: "k1".into(), token: [7; 32], encrypt: [9; 16], older: vec![] };
    let crypto = Crypto::new(&keys);
    let check = |protect: Protect, protects: bool, expected: Option<&str>| {
        let column = column(Grade::L4, None, protect);
        let found = by_policy(&column, protects, Some(&crypto), "500103199001019517");
        assert_eq!(found.as_deref(), expected);
    };
    check(Protect::Encrypt, true, None);
    check(Protect::Drop, true, None);
    check(Protect::Mask(MaskKind::ResidentId), true, Some("500103********9517"));
    check(Protect::Encrypt, false, Some("500103199001019517"));
    let token = Protect::Token { kind: "resident_id".into(), keep_uscc: false };
    let of = |text| by_policy(&column(Grade::L4, None, token.clone()), true, Some(&crypto), text);
    let (one, two) = (of("500103199001019517"), of("500103199001019518"));
    assert!(one.as_ref().is_some_and(|t| t.len() == 64 && !t.contains("5001031990")));
    assert_ne!(one, two);
    // The example of GB 32100 is public, a token column may keep it as it is.
    let keeps = Protect::Token { kind: "holder".into(), keep_uscc: true };
    let kept =
        by_policy(&column(Grade::L4, None, keeps), true, Some(&crypto), "91350100M000100Y43");
    assert_eq!(kept.as_deref(), Some("91350100M000100Y43"));
}

#[test]
fn of_undecodable_bytes_only_the_structure_is_left() {
    assert_eq!(
        structure("{\"name\":\"王x\",\"n\":-1.5é}".as_bytes(), None),
        "{\"aaaa\":\"汉a\",\"a\":-9.9x}"
    );
    assert_eq!(structure(b"a\xffb", Some(1)), "a?a");
    let long = vec![b'k'; 200];
    assert_eq!(structure(&long, Some(100)), format!("…{}…", "a".repeat(80)));
}

#[test]
fn a_raw_value_opens_only_under_its_key_and_only_if_it_is_what_came() {
    let keys = crate::Keys { id: "k1".into(), token: [7; 32], encrypt: [9; 16], older: vec![] };
    let crypto = Crypto::new(&keys);
    let origin = crate::crypto::Origin { partition: 0, offset: 5, ordinal: 0 };
    let mut sealed = Vec::new();
    crypto.sealer("quarantine.account", "raw").seal(origin, b"{}", &mut sealed);
    let (digest, sm3) = (crypto.digest(b"{}"), sm3_hex(b"{}"));
    let raw = |bytes, key_id, sm3| StoredRaw { dataset: "account", bytes, key_id, sm3 };
    let (digest, sm3) = (Some(digest.as_str()), Some(sm3.as_str()));
    let good = raw(Some(&sealed[..]), Some("k1"), digest);
    assert_eq!(open_raw(Some(&crypto), good).expect("it opens"), b"{}");
    let kind = |crypto, raw| open_raw(crypto, raw).expect_err("it is refused").kind;
    assert_eq!(kind(None, good), ErrorKind::Invalid);
    assert_eq!(kind(Some(&crypto), raw(good.bytes, Some("k2"), good.sm3)), ErrorKind::Invalid);
    assert_eq!(kind(Some(&crypto), raw(good.bytes, Some("k1"), sm3)), ErrorKind::Corrupt);
    assert_eq!(kind(Some(&crypto), raw(good.bytes, Some("k1"), None)), ErrorKind::Corrupt);
    let rotated = crate::Keys { id: "k2".into(), encrypt: [1; 16], older: vec![], ..keys.clone() };
    let dropped = open_raw(Some(&Crypto::new(&rotated)), good).expect_err("the key is gone");
    assert_eq!(dropped.kind, ErrorKind::Invalid);
    assert!(dropped.help.is_some_and(|help| help.contains("`k1`") && help.contains("keys.older")));
    let kept = crate::Keys { older: vec![("k1".into(), [9; 16])], ..rotated };
    assert_eq!(open_raw(Some(&Crypto::new(&kept)), good).expect("it opens"), b"{}");
    assert_eq!(kind(None, raw(None, None, sm3)), ErrorKind::Invalid);
    assert_eq!(kind(None, raw(Some(b"{ }"), None, sm3)), ErrorKind::Corrupt);
    for sm3 in [sm3, None] {
        assert_eq!(open_raw(None, raw(Some(b"{}"), None, sm3)).expect("as it came"), b"{}");
    }
}
