//! Masks never show more of a malformed value; well-formed ones are in the shared vectors.

use super::*;

#[test]
fn malformed_values_are_hidden_whole() {
    for (kind, text, expected) in [
        (MaskKind::ResidentId, "1234567890", "**********"),
        (MaskKind::Phone, "12345", "****"),
        (MaskKind::Phone, "abc", "****"),
        (MaskKind::BankCard, "12345", "*****"),
        (MaskKind::Email, "no mail", "***"),
        (MaskKind::Plate, "A1", "**"),
        (MaskKind::Passport, "E123", "****"),
        (MaskKind::Last4, "1234567", "*******"),
        (MaskKind::BirthDate, "1990", "****"),
        (MaskKind::Name, "", ""),
    ] {
        assert_eq!(mask(kind, text), expected, "{kind:?} {text:?}");
    }
}

#[test]
fn addresses_stop_at_the_county() {
    for (text, expected) in [
        ("重庆市渝中区人民路232号3单元5-2", "重庆市渝中区******"),
        ("渝中区人民路232号", "渝中区******"),
        ("重庆市石柱土家族自治县南宾街道", "重庆市石柱土家族自治县******"),
        ("重庆市两江新区金渝大道66号", "重庆市两江新区******"),
        ("重庆市阳光小区3栋", "重庆市******"),
        ("阳光小区3栋", "******"),
        ("四川省成都市武侯区一环路", "四川省成都市武侯区******"),
        ("北京市朝阳区建国路", "北京市朝阳区******"),
        ("", "******"),
    ] {
        assert_eq!(mask(MaskKind::Address, text), expected, "{text:?}");
    }
}

#[test]
fn the_rest_keeps_what_its_rule_says() {
    for (kind, text, expected) in [
        (MaskKind::Phone, "02363891234-801", "023****1234"),
        (MaskKind::Phone, "075583891234", "0755****1234"),
        (MaskKind::Last4, "5000123456", "******3456"),
        (MaskKind::BirthDate, "1949-12-31", "1949"),
        (MaskKind::Plate, "渝AD12345", "渝AD***5"),
    ] {
        assert_eq!(mask(kind, text), expected, "{kind:?} {text:?}");
    }
    assert_eq!(open_uscc("92500106MCPQUE1R2D"), "92500106******1R2D");
    assert_eq!(open_uscc("91500103MBXFL1AN30"), "91500103MBXFL1AN30");
}
