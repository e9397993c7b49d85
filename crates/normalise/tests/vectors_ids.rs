//! Every vector of `identifier_vectors.json`, one by one.
//!
//! The vectors are the domain specification's: check characters come from python-stdnum and two
//! more packages, the rest are its decisions.

use huiliu_model::contract::{MaskKind, NamedRule};
use huiliu_normalise::date::days_from_civil;
use huiliu_normalise::id::resident;
use huiliu_normalise::mask::{mask, open_uscc};
use huiliu_normalise::rule::{Context, Explained, explain};
use serde_json::Value;

fn section(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("data/identifier_vectors.json"))
        .expect("the vectors are JSON");
    all[name].clone()
}

fn text<'v>(vector: &'v Value, field: &str) -> &'v str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} of {vector}"))
}

fn list<'v>(section: &'v Value, field: &str) -> &'v [Value] {
    let list = section[field].as_array().unwrap_or_else(|| panic!("{field}"));
    assert!(!list.is_empty(), "{field}");
    list
}

/// The resident vectors are to be run with this date.
fn run(rule: NamedRule, value: &str) -> Explained {
    explain(rule, value, &Context { event_date: Some(days_from_civil(2026, 12, 31)) })
}

fn accepts(rule: NamedRule, value: &str, expected: &str, flags: &[&str]) {
    let explained = run(rule, value);
    assert_eq!(explained.normalised.as_deref(), Some(expected), "{value:?}: {explained:?}");
    assert!(explained.flags.iter().all(|flag| flags.contains(flag)), "{value:?}: {explained:?}");
}

fn refuses(rule: NamedRule, value: &str, reason: &str) {
    let explained = run(rule, value);
    assert_eq!((explained.normalised, explained.reason), (None, Some(reason)), "{value:?}");
    assert_eq!(explained.outcome, "error", "{value:?}");
}

fn refuses_all(rule: NamedRule, vectors: &[Value]) {
    for vector in vectors {
        refuses(rule, text(vector, "in"), text(vector, "reason"));
    }
}

#[test]
fn organisation_codes_agree_with_the_vectors() {
    let codes = section("org_code");
    let example = text(&codes, "published_example");
    accepts(NamedRule::OrgCode, example, example, &[]);
    for vector in list(&codes, "valid") {
        let compact = text(vector, "compact");
        accepts(NamedRule::OrgCode, compact, compact, &[]);
        accepts(NamedRule::OrgCode, text(vector, "display"), compact, &[]);
    }
    refuses_all(NamedRule::OrgCode, list(&codes, "invalid"));
}

#[test]
fn credit_codes_agree_with_the_vectors() {
    let codes = section("uscc");
    let example = &codes["published_example"];
    let example = format!("{}{}", text(example, "base"), text(example, "check"));
    accepts(NamedRule::Uscc, &example, &example, &[]);
    for vector in list(&codes, "valid") {
        let code = text(vector, "in");
        accepts(NamedRule::Uscc, code, code, &[]);
        assert_eq!(run(NamedRule::HolderCode, code).normalised.as_deref(), Some(code));
    }
    refuses_all(NamedRule::Uscc, list(&codes, "invalid"));
    refuses_all(NamedRule::Uscc, list(&codes, "legacy_exceptions"));
    for vector in list(&codes, "normalise") {
        accepts(NamedRule::Uscc, text(vector, "in"), text(vector, "out"), &[]);
    }
}

#[test]
fn registration_numbers_agree_with_the_vectors() {
    let numbers = section("business_reg_no");
    for vector in list(&numbers, "valid") {
        accepts(NamedRule::BusinessRegNo, text(vector, "in"), text(vector, "in"), &[]);
    }
    refuses_all(NamedRule::BusinessRegNo, list(&numbers, "invalid"));
}

#[test]
fn resident_ids_agree_with_the_vectors() {
    // Born before the code existed: a remark, never a refusal (domain specification, 1.3).
    let remarks = ["REGION_NOT_IN_FORCE"];
    let ids = section("resident_id");
    for vector in list(&ids, "valid") {
        let id = text(vector, "in");
        accepts(NamedRule::ResidentId, id, id, &remarks);
        let facts = resident::facts(id).unwrap();
        let birth: Vec<i32> =
            text(vector, "birth").split('-').map(|p| p.parse().unwrap()).collect();
        let birth = days_from_civil(birth[0], birth[1] as u32, birth[2] as u32);
        assert_eq!((facts.birth_days, facts.sex_code), (birth, text(vector, "sex_code")), "{id}");
    }
    refuses_all(NamedRule::ResidentId, list(&ids, "invalid"));
    for vector in list(&ids, "normalise") {
        match vector["out"].as_str() {
            Some(out) => accepts(NamedRule::ResidentId, text(vector, "in"), out, &remarks),
            None => refuses(NamedRule::ResidentId, text(vector, "in"), text(vector, "reason")),
        }
    }
    for vector in list(&ids, "upgrade_15_to_18") {
        accepts(NamedRule::ResidentId, text(vector, "in"), text(vector, "out"), &remarks);
    }
}

#[test]
fn licences_agree_with_the_vectors() {
    let licences = section("elicence_id");
    for vector in list(&licences, "valid") {
        accepts(NamedRule::ElicenceId, text(vector, "in"), text(vector, "in"), &[]);
    }
    refuses_all(NamedRule::ElicenceId, list(&licences, "invalid"));
}

#[test]
fn project_codes_agree_with_the_vectors() {
    let codes = section("project_code");
    for vector in list(&codes, "valid") {
        accepts(NamedRule::ProjectCode, text(vector, "in"), text(vector, "in"), &[]);
    }
    for vector in list(&codes, "invalid") {
        let code = text(vector, "in");
        refuses(NamedRule::ProjectCode, code, text(vector, "reason"));
        let fixable = vector["fixable"].as_bool().unwrap_or(false);
        assert_eq!(run(NamedRule::ProjectCode, code).suggestion.is_some(), fixable, "{code}");
    }
    for code in list(&codes, "legacy_no_check") {
        let code = code.as_str().unwrap();
        accepts(NamedRule::ProjectCode, code, code, &["LEGACY"]);
    }
}

#[test]
fn phones_agree_with_the_vectors() {
    let phones = section("phone");
    let mobiles = list(&phones, "valid_mobile").iter().zip(list(&phones, "normalised"));
    for (mobile, normalised) in mobiles {
        let normalised = normalised.as_str().unwrap();
        accepts(NamedRule::Phone, mobile.as_str().unwrap(), normalised, &[]);
    }
    refuses_all(NamedRule::Phone, list(&phones, "invalid"));
    for vector in list(&phones, "landline") {
        let mut expected = format!("{}{}", text(vector, "area"), text(vector, "number"));
        if let Some(extension) = vector["ext"].as_str() {
            expected = format!("{expected}-{extension}");
        }
        accepts(NamedRule::Phone, text(vector, "in"), &expected, &[]);
    }
    for vector in list(&phones, "masks") {
        assert_eq!(mask(MaskKind::Phone, text(vector, "in")), text(vector, "out"));
    }
}

#[test]
fn masks_agree_with_the_vectors() {
    let vectors = section("masking");
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 12);
    for vector in vectors {
        let kind = match text(vector, "type") {
            "resident_id" => MaskKind::ResidentId,
            "name" => MaskKind::Name,
            "mobile" => MaskKind::Phone,
            "bank_card" => MaskKind::BankCard,
            "address" => MaskKind::Address,
            "email" => MaskKind::Email,
            "plate" => MaskKind::Plate,
            "passport" => MaskKind::Passport,
            "uscc" => {
                assert_eq!(open_uscc(text(vector, "in")), text(vector, "out"));
                continue;
            }
            other => panic!("no mask for {other}"),
        };
        assert_eq!(mask(kind, text(vector, "in")), text(vector, "out"), "{vector}");
    }
}

#[test]
fn dates_agree_with_the_vectors() {
    let vectors = section("dates");
    for vector in vectors.as_array().unwrap() {
        let explained = run(NamedRule::Date, text(vector, "in"));
        assert_eq!(explained.normalised.as_deref(), vector["out"].as_str(), "{vector}");
        assert_eq!(explained.reason, vector["reason"].as_str(), "{vector}");
    }
}
