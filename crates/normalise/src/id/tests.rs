//! Identifiers beyond the shared vectors: order of tests, remarks, divisions, phones.

use super::{check, division::table, resident, uscc};
use crate::date::days_from_civil;
use crate::rule::{Context, Flags, Outcome, apply};
use huiliu_model::Reason;
use huiliu_model::contract::NamedRule::{self, *};

fn accepts(rule: NamedRule, value: &str, expected: &str, flags: &[&str]) {
    let outcome = apply(rule, value, &Context::default());
    assert_eq!(outcome.text(), Some(expected), "{value:?}: {outcome:?}");
    assert_eq!(outcome.flags().iter().collect::<Vec<_>>(), flags, "{value:?}");
}

fn refuses(rule: NamedRule, value: &str, reason: Reason) {
    assert_eq!(apply(rule, value, &Context::default()), Outcome::Err(reason), "{value:?}");
}

/// 17 digits with their check character.
fn resident_id(base: &str) -> String {
    let check = check::mod_11_2(base.as_bytes()).unwrap();
    format!("{base}{}", char::from(check))
}

#[test]
fn classes_are_those_of_the_code_list() {
    let list = crate::lists::CodeList::get("uscc_class").unwrap();
    let listed: Vec<String> = list.codes().map(|(code, _)| code.to_owned()).collect();
    let pairs = uscc::CLASSES.iter().flat_map(|(department, classes)| {
        classes.iter().map(|c| format!("{}{}", char::from(*department), char::from(*c)))
    });
    assert_eq!(pairs.collect::<Vec<_>>(), listed);
}

#[test]
fn the_first_failing_test_of_a_credit_code_names_the_reason() {
    refuses(Uscc, "500103000012345", Reason::LegacyRegNo);
    refuses(Uscc, "500103000012346", Reason::Length);
    refuses(Uscc, "D2143569-X", Reason::OrgCodeOnly);
    refuses(Uscc, "915OO1O3MBXFLIAN3O", Reason::Suggest);
    refuses(HolderCode, "915OO1O3MBXFLIAN3O", Reason::Suggest);
    refuses(HolderCode, "D2143569X", Reason::OrgCodeOnly);
    refuses(HolderCode, "500117423785055", Reason::LegacyRegNo);
    refuses(Uscc, "9150010BMBXFL1AN30", Reason::Charset);
    refuses(Uscc, "重91500103MBXFL1AN3", Reason::Charset);
    refuses(Uscc, "99500103MBXFL1AN30", Reason::ClassCode);
    refuses(Uscc, "9.15001E+17", Reason::ExcelFloat);
    assert_eq!(apply(Uscc, "9150****3", &Context::default()), Outcome::Null(Some(Reason::Masked)));
    assert_eq!(uscc::suggest("915OO1O3MBXFLIAN3O").as_deref(), Some("91500103MBXFL1AN30"));
    assert_eq!(uscc::suggest("91500103MBXFL1AN30"), None);
}

#[test]
fn residents_are_tested_in_order() {
    refuses(ResidentId, "5001031998031598", Reason::Length);
    refuses(ResidentId, "50010319980315982X9", Reason::Length);
    refuses(ResidentId, "X00103199803159829", Reason::Charset);
    refuses(ResidentId, "123456789012345678", Reason::Placeholder);
    refuses(ResidentId, "111111111111111", Reason::Placeholder);
    refuses(ResidentId, "500103199803159828", Reason::Checksum);
    refuses(ResidentId, &resident_id("00010319980315982"), Reason::RegionUnknown);
    refuses(ResidentId, &resident_id("50010318491231900"), Reason::BirthRange);
    refuses(ResidentId, &resident_id("50010330000101900"), Reason::BirthFuture);
    let id = resident_id("50010319980315982");
    let before = Context { event_date: Some(days_from_civil(1998, 3, 14)) };
    assert_eq!(apply(ResidentId, &id, &before), Outcome::Err(Reason::BirthFuture));
    let same_day = Context { event_date: Some(days_from_civil(1998, 3, 15)) };
    assert!(matches!(apply(ResidentId, &id, &same_day), Outcome::Ok(_)));
}

#[test]
fn address_codes_are_known_for_any_year_and_remarked_on_by_year() {
    let id = resident_id("50010319800315982");
    accepts(ResidentId, &id, &id, &["REGION_NOT_IN_FORCE"]);
    let id = resident_id("51020219850315982");
    accepts(ResidentId, &id, &id, &[]);
    let id = resident_id("11999919980315982");
    accepts(ResidentId, &id, &id, &["REGION_UNKNOWN"]);
    let id = resident_id("81000019900101001");
    accepts(ResidentId, &id, &id, &[]);
}

#[test]
fn related_documents_are_taken() {
    accepts(ResidentId, "50010319980315982912", "500103199803159829", &["DISABILITY_CARD"]);
    refuses(ResidentId, "50010319980315982985", Reason::Length);
    accepts(ResidentId, "usa500198001011", "USA500198001011", &["LEGACY"]);
    let facts = resident::facts("500103199803159829").unwrap();
    assert_eq!((facts.birth_days, facts.sex_code), (days_from_civil(1998, 3, 15), "2"));
    assert_eq!(resident::facts("500103199803159828"), None);
    assert_eq!(resident::facts(""), None);
}

#[test]
fn a_holder_is_a_person_or_an_organisation() {
    accepts(HolderCode, "500103199803159829", "500103199803159829", &[]);
    accepts(HolderCode, "91500103mbxfl1an30", "91500103MBXFL1AN30", &[]);
    accepts(HolderCode, "11010519491231002×", "11010519491231002X", &[]);
    accepts(HolderCode, "440524800101001", "440524198001010013", &[]);
    accepts(HolderCode, "950156198001010012", "950156198001010012", &[]);
    refuses(HolderCode, "500103199803159828", Reason::Checksum);
    // By hand: 6 is the check of the personal number, 0 that of the credit code, but the
    // organisation code 19750410 has 5.
    refuses(HolderCode, "510222197504109620", Reason::Checksum);
    refuses(HolderCode, "MA5U00001", Reason::Length);
    refuses(HolderCode, "91500103BMXFL1AN30", Reason::Checksum);
}

#[test]
fn registration_numbers_have_older_and_provincial_forms() {
    accepts(BusinessRegNo, "5001032100123", "5001032100123", &["LEGACY"]);
    accepts(BusinessRegNo, "500103NA000123X", "500103NA000123X", &["VARIANT"]);
    accepts(BusinessRegNo, "50010300001234A", "50010300001234A", &["VARIANT"]);
    refuses(BusinessRegNo, "500103BB0001234", Reason::Charset);
    refuses(BusinessRegNo, "50010300012", Reason::Length);
}

#[test]
fn licences_with_other_types_and_issuers_are_remarked_on() {
    let payload = "TYPE500103ABC001";
    let check = check::mod_37_36(payload.as_bytes().iter()).map(char::from).unwrap();
    let id = format!("1.2.156.3005.2.TYPE.500103.ABC.001.{check}");
    accepts(ElicenceId, &id, &id, &["TYPE_CODE", "ISSUER_CODE"]);
    accepts(ElicenceId, &id.to_lowercase(), &id, &["TYPE_CODE", "ISSUER_CODE"]);
    refuses(ElicenceId, "1.2.156.3005.2.TYPE.500103.A-BC.001.0", Reason::Charset);
    refuses(ElicenceId, "1.2.156.3005.2.TYPE.500103.ABC.000.0", Reason::VersionFormat);
    refuses(ElicenceId, "1.2.156.3005.2.TYPE..ABC.001.0", Reason::Segments);
    accepts(LicenceType, "91500103MBXFL1AN30016", "91500103MBXFL1AN30016", &[]);
    refuses(LicenceType, "016", Reason::Length);
    refuses(LicenceType, "91500103MBXFL1AN3001X", Reason::Charset);
}

#[test]
fn units_and_items_have_their_own_forms() {
    let unit = "500103001002GB00012F00030004";
    accepts(UnitCode, "500103 001002 gb00012 F00030004", unit, &[]);
    accepts(UnitCode, "500103001002GB00012W00000000", "500103001002GB00012W00000000", &[]);
    refuses(UnitCode, "500103001002GB00012W00000001", Reason::Format);
    refuses(UnitCode, "500103001002GA00012F00030004", Reason::Format);
    refuses(UnitCode, "500103001002GB00012", Reason::Length);
    let item = "91500103MBXFL1AN304000112001000";
    accepts(ItemCode, item, item, &[]);
    accepts(ItemCode, &format!("{item}01"), item, &[]);
    refuses(ItemCode, "91500103MBXFL1AN30400011200100", Reason::Length);
}

#[test]
fn documents_are_identity_numbers_or_passports() {
    accepts(IdentityDocument, "500103199803159829", "500103199803159829", &[]);
    accepts(IdentityDocument, "11010519491231002x", "11010519491231002X", &[]);
    accepts(IdentityDocument, "440524800101001", "440524198001010013", &[]);
    accepts(IdentityDocument, "usa500198001011", "USA500198001011", &["LEGACY"]);
    accepts(IdentityDocument, "E12345678", "E12345678", &[]);
    accepts(IdentityDocument, "h 0123-4567 01", "H0123456701", &[]);
    accepts(IdentityDocument, "12345678", "12345678", &[]);
    // The shape of an identity number decides: a slip of the pen is no passport.
    refuses(IdentityDocument, "500103199803159828", Reason::Checksum);
    refuses(IdentityDocument, "5001031998O3159829", Reason::Charset);
    refuses(IdentityDocument, "E123", Reason::Length);
    refuses(IdentityDocument, "E12345678901234567890", Reason::Length);
    refuses(IdentityDocument, "PASSPORT", Reason::Charset);
    refuses(IdentityDocument, "00000000", Reason::Placeholder);
    let masked = apply(IdentityDocument, "E1****678", &Context::default());
    assert_eq!(masked, Outcome::Null(Some(Reason::Masked)));
}

#[test]
fn mobiles_and_landlines_are_told_apart() {
    accepts(Mobile, "+86 138 1234 5678", "13812345678", &[]);
    accepts(Mobile, "02363891234;13812345678", "13812345678", &["MULTIPLE_VALUES"]);
    refuses(Mobile, "02363891234", Reason::Prefix);
    refuses(Mobile, "13800000000", Reason::Placeholder);
    accepts(Landline, "(023)63891234转801", "02363891234-801", &[]);
    accepts(Landline, "13812345678/02363891234", "02363891234", &["MULTIPLE_VALUES"]);
    refuses(Landline, "13812345678", Reason::Prefix);
}

#[test]
fn plates_and_postal_codes_may_be_of_other_provinces() {
    accepts(Plate, "渝A12345", "渝A12345", &[]);
    accepts(Plate, "渝a·d12345", "渝AD12345", &[]);
    accepts(Plate, "渝A1234警", "渝A1234警", &[]);
    accepts(Plate, "川A12345", "川A12345", &["OUTSIDE_CITY"]);
    refuses(Plate, "渝A1234", Reason::Length);
    refuses(Plate, "渝AI2345", Reason::Charset);
    refuses(Plate, "渝112345", Reason::Charset);
    refuses(Plate, "XA123456", Reason::Prefix);
    accepts(PostalCode, "400015", "400015", &[]);
    accepts(PostalCode, "400015.0", "400015", &[]);
    accepts(PostalCode, "610000", "610000", &["OUTSIDE_CITY"]);
    refuses(PostalCode, "40001", Reason::Length);
    refuses(PostalCode, "40O015", Reason::Charset);
    refuses(PostalCode, "000000", Reason::Placeholder);
}

/// 4111111111111111 is the usual test number of the card schemes.
#[test]
fn bank_cards_with_a_wrong_check_are_remarked_on() {
    accepts(BankCard, "4111111111111111", "4111111111111111", &[]);
    accepts(BankCard, "4111 1111-1111 1111", "4111111111111111", &[]);
    accepts(BankCard, "4111111111111112", "4111111111111112", &["LUHN"]);
    refuses(BankCard, "41111111111", Reason::Length);
    refuses(BankCard, "6.22202E+18", Reason::ExcelFloat);
    refuses(BankCard, "411111111111111A", Reason::Charset);
    refuses(BankCard, "0000000000000000", Reason::Placeholder);
}

#[test]
fn parcels_land_uses_and_document_numbers_have_their_forms() {
    let parcel = "500103001002GB00012";
    accepts(ParcelCode, "500103 001002 gb00012", parcel, &[]);
    refuses(ParcelCode, "500103001002GB00012F00030004", Reason::Length);
    refuses(ParcelCode, "500103001002GA00012", Reason::Format);
    accepts(LandUse, "0101", "0101", &[]);
    accepts(LandUse, "05.0", "05", &[]);
    refuses(LandUse, "1", Reason::Length);
    refuses(LandUse, "05A", Reason::Charset);
    accepts(RelaxedCode, " 渝府发〔2020〕12号 ", "渝府发〔2020〕12号", &[]);
    accepts(RelaxedCode, "渝（2020）a区不动产权第 01号", "渝(2020)A区不动产权第01号", &[]);
    accepts(RelaxedCode, "JY1-5001/03_7", "JY1-5001/03_7", &[]);
    accepts(RelaxedCode, "ht2020０１", "HT202001", &[]);
    refuses(RelaxedCode, "HT#2020", Reason::Charset);
    refuses(RelaxedCode, "渝府发,12号", Reason::Charset);
    refuses(RelaxedCode, "()", Reason::Charset);
    assert_eq!(apply(RelaxedCode, "暂无", &Context::default()), Outcome::Null(None));
}

#[test]
fn personal_numbers_inside_texts_are_masked() {
    let masks = |text: &str, expected: &str| accepts(FreeText, text, expected, &["PII_MASKED"]);
    masks("张三(500103199803159829)无证经营", "张三(500103********9829)无证经营");
    masks("证号11010519491231002X。", "证号110105********002X。");
    masks("证号440524800101001", "证号440524*****1001");
    masks("电话13812345678,或138 1234 5678", "电话138****5678,或138****5678");
    masks("+8613812345678", "+86138****5678");
    masks("卡号4111 1111 1111 1111", "卡号411111******1111");
    masks("2020-01-01 13812345678", "2020-01-01 138****5678");
    for clean in [
        "2020年1月1日罚款5000元",
        "单位91500103MBXFL1AN30欠缴",
        // No month 13, a wrong Luhn check, part of a longer number.
        "500103199813159829",
        "4111111111111112",
        "合同A13812345678号",
        "138123456789",
        "2020-01-01 2020-12-31",
        "",
    ] {
        let found = apply(FreeText, clean, &Context::default());
        let fine = matches!(&found, Outcome::Ok(text) if text == clean);
        assert!(fine || (clean.is_empty() && found == Outcome::Null(None)), "{clean}: {found:?}");
    }
}

#[test]
fn divisions_are_fitted_to_the_column() {
    accepts(Division6, "500103", "500103", &[]);
    accepts(Division6, "510202", "510202", &["HISTORIC_DIVISION"]);
    accepts(Division6, "500105", "500105", &[]);
    accepts(Division6, "440305", "440305", &[]);
    accepts(Division6, "449999", "449999", &["REGION_UNKNOWN"]);
    accepts(Division6, "5001Z1", "5001Z1", &[]);
    accepts(Division6, "500103.0", "500103", &[]);
    accepts(Division6, "500103000000", "500103", &[]);
    accepts(Division6, "500101001", "500101", &["LEVEL_CUT"]);
    accepts(Division6, "重庆市渝中区", "500103", &["DIVISION_NAME"]);
    refuses(Division6, "5001", Reason::Length);
    refuses(Division6, "509999", Reason::RegionUnknown);
    refuses(Division6, "990000", Reason::RegionUnknown);
    refuses(Division6, "某某区", Reason::CodeUnknown);
    accepts(Division12, "500101001001", "500101001001", &[]);
    accepts(Division12, "500101001", "500101001000", &[]);
    accepts(Division12, "500101", "500101000000", &[]);
    accepts(Division12, "500101999001", "500101999001", &["STREET_UNKNOWN"]);
    accepts(Division12, "510202001001", "510202001001", &["HISTORIC_DIVISION"]);
    accepts(Division, "500103", "500103", &[]);
    accepts(Division, "500101001", "500101001000", &[]);
    let after_merger = Context { event_date: Some(days_from_civil(2025, 11, 6)) };
    assert_eq!(apply(Division6, "500105", &after_merger).flags(), Flags::HISTORIC_DIVISION);
    let before = Context { event_date: Some(days_from_civil(2025, 11, 5)) };
    assert_eq!(apply(Division6, "500105", &before).flags(), Flags::default());
}

#[test]
fn old_codes_roll_up_to_what_was_in_force() {
    let day = days_from_civil;
    let table = table();
    assert_eq!(table.roll_up(510_202, day(2020, 6, 30)), Some(500_103));
    assert_eq!(table.roll_up(500_222, day(2020, 6, 30)), Some(500_110));
    assert_eq!(table.roll_up(512_221, day(2020, 6, 30)), Some(500_101));
    assert_eq!(table.roll_up(500_105, day(2025, 11, 5)), Some(500_105));
    assert_eq!(table.roll_up(500_105, day(2025, 11, 6)), Some(500_157));
    assert_eq!(table.roll_up(510_211, day(2026, 1, 1)), Some(500_157));
    assert_eq!(table.roll_up(500_300, day(2020, 6, 30)), None);
    assert_eq!(table.roll_up(110_105, day(2020, 6, 30)), None);
    // 38 counties in the letter's world, 37 after the merger (domain specification, 1.4).
    let counties = |as_of: i32| {
        let codes = (500_101..500_300).filter(|c| c % 100 != 0);
        codes.filter(|code| table.roll_up(*code, as_of) == Some(*code)).count()
    };
    assert_eq!((counties(day(2020, 6, 30)), counties(day(2025, 11, 6))), (38, 37));
}

#[test]
fn industries_are_judged_by_their_division() {
    accepts(Industry, "7350", "7350", &[]);
    accepts(Industry, "7350.0", "7350", &[]);
    accepts(Industry, "M7350", "7350", &[]);
    accepts(Industry, "C7350", "7350", &["SECTION_MISMATCH"]);
    accepts(Industry, "c", "C", &["SECTION_ONLY"]);
    accepts(Industry, "111", "111", &[]);
    accepts(Industry, "981", "0981", &[]);
    accepts(Industry, "1", "01", &[]);
    refuses(Industry, "9999", Reason::CodeUnknown);
    refuses(Industry, "Z", Reason::Length);
    refuses(Industry, "Z9", Reason::Charset); // No section Z, so no 09.
    refuses(Industry, "73501", Reason::Length);
}

#[test]
fn phones_of_a_cell_become_one_number() {
    accepts(Phone, "13812345678;02363891234", "13812345678", &["MULTIPLE_VALUES"]);
    accepts(Phone, "02363891234、13812345678", "13812345678", &["MULTIPLE_VALUES"]);
    accepts(Phone, "02363891234/63891235", "02363891234", &["MULTIPLE_VALUES"]);
    accepts(Phone, "13812345678 13912345678", "13812345678", &["MULTIPLE_VALUES"]);
    accepts(Phone, "+86 138 1234 5678", "13812345678", &[]);
    accepts(Phone, "013812345678", "13812345678", &[]);
    accepts(Phone, "+86-23-63891234", "02363891234", &[]);
    accepts(Phone, "(023)63891234转801", "02363891234-801", &[]);
    accepts(Phone, "0755-83891234", "075583891234", &["AREA_CODE"]);
    accepts(Phone, "010-63891234-12", "01063891234-12", &["AREA_CODE"]);
    refuses(Phone, "023-6389123", Reason::Length);
    refuses(Phone, "023-13891234", Reason::Prefix);
    refuses(Phone, "63891234", Reason::Length);
    refuses(Phone, "电话", Reason::Charset);
    refuses(Phone, "1.38E+10", Reason::ExcelFloat);
    let masked = apply(Phone, "138****5678", &Context::default());
    assert_eq!(masked, Outcome::Null(Some(Reason::Masked)));
}

#[test]
fn account_numbers_are_text_with_their_zeros() {
    accepts(AccountNo, "0012345678", "0012345678", &[]);
    accepts(AccountNo, " 0012 345678", "0012345678", &[]);
    accepts(AccountNo, "1234567890123.0", "1234567890123", &[]);
    refuses(AccountNo, "12345678", Reason::Length);
    refuses(AccountNo, "12345678AB", Reason::Charset);
    refuses(AccountNo, "1.23457E+12", Reason::ExcelFloat);
    accepts(MeterNo, "wm-2020-000123", "WM2020000123", &[]);
    refuses(MeterNo, "123", Reason::Length);
}

/// The examples of the catalogue of defects that concern one value (its codes in front).
#[test]
fn catalogued_defects_are_treated_as_listed() {
    let base = "50010319900101123";
    let id = resident_id(base);
    for cross in ["×", "Х"] {
        // D07: only where the check is X does a cross make the number valid.
        accepts(ResidentId, &format!("11010519491231002{cross}"), "11010519491231002X", &[]);
    }
    accepts(ResidentId, &format!("'{id}"), &id, &["REGION_NOT_IN_FORCE"]);
    refuses(ResidentId, "5.0010319900101E+17", Reason::ExcelFloat); // D09
    refuses(ResidentId, "500103199001011000", Reason::ExcelTruncated); // D10
    refuses(ResidentId, "111111111111111111", Reason::Placeholder); // D11
    let masked = apply(ResidentId, "500103********1234", &Context::default()); // D12
    assert_eq!(masked, Outcome::Null(Some(Reason::Masked)));
    let masked = apply(ResidentId, "500103XXXXXXXX1234", &Context::default());
    assert_eq!(masked, Outcome::Null(Some(Reason::Masked)));
    refuses(Uscc, "500103000012345", Reason::LegacyRegNo); // D16
    refuses(Uscc, "D2143569-X", Reason::OrgCodeOnly); // D17
    refuses(Uscc, "MA5U0000-1", Reason::Length); // D17 with a wrong check
    refuses(Uscc, "91350100M0001TGQXM", Reason::Checksum); // D18
    refuses(Text, "���ǧ��", Reason::Charset); // D06
    accepts(PersonName, "李□", "李□", &["MISSING_GLYPH"]); // D43
    let null = apply(Phone, " 暂无 ", &Context::default()); // D04
    assert_eq!(null, Outcome::Null(None));
}
