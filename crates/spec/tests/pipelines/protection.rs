//! What is written in place of the sensitive values: every column of grade L4, one by one.

use super::project;
use huiliu_model::contract::{Grade, Protect};
use std::collections::BTreeMap;

/// Numbers of persons: tokens of one kind, so that a person joins across datasets.
const PERSONS: &[&str] = &[
    "avi_ticket.citizen_id",
    "le_entity.legal_rep_id",
    "np_household_member.citizen_id",
    "np_person.citizen_id",
    "pool_epi_case.citizen_id",
    "pool_epi_test.citizen_id",
    "pool_medical_bill.citizen_id",
    "pool_pov_household.head_id",
    "pool_pov_member.citizen_id",
    "rail_ticket.citizen_id",
    "road_ticket.citizen_id",
];

/// Numbers of persons or firms: the same tokens, but a firm's code is public and stays.
const HOLDERS: &[&str] = &[
    "gas_account.holder_code",
    "geo_right.holder_code",
    "le_shareholder.holder_code",
    "lic_licence.holder_code",
    "pool_blacklist.subject_code",
    "pool_gov_case.applicant_code",
    "pool_penalty.subject_code",
    "pool_permit.subject_code",
    "power_account.holder_code",
    "water_account.holder_code",
];

/// Numbers that join within their own subject only.
const OTHERS: &[(&str, &str)] = &[
    ("pool_epi_case.case_no", "epi_case"),
    ("pool_epi_case.source_case", "epi_case"),
    ("pool_epi_test.sample_no", "epi_sample"),
    ("pool_medical_bill.bill_no", "medical_bill"),
];

/// Values that the subject tables compute with, beside persons that are tokens; and a number
/// that arrives as an HMAC.
const KEPT: &[&str] = &[
    "geo_right.mortgage_wan",
    "pool_epi_case.case_type",
    "pool_epi_case.confirm_date",
    "pool_epi_case.control_end",
    "pool_epi_test.result_code",
    "pool_epi_test.sample_time",
    "pool_loan.overdue_days",
    "pool_medical_bill.self_paid",
    "pool_medical_bill.settle_date",
    "pool_pov_household.cause1",
    "pool_pov_member.disability_grade",
    "pool_pov_member.dropout",
    "pool_pov_member.health_code",
    "telecom_month.holder_code",
];

const ENCRYPTED: &[&str] = &[
    "gas_account.address",
    "np_person.address",
    "np_person.death_date",
    "pool_epi_case.control_start",
    "pool_epi_case.onset_date",
    "pool_epi_test.result_time",
    "pool_medical_bill.fund_paid",
    "pool_medical_bill.is_inpatient",
    "pool_medical_bill.total_fee",
    "power_account.address",
    "water_account.address",
];

#[test]
fn persons_join_by_one_kind_of_token_and_other_l4_values_are_encrypted() {
    let token = |kind: &str, keep_uscc| Protect::Token { kind: kind.to_owned(), keep_uscc };
    let mut expected = BTreeMap::new();
    for &name in PERSONS {
        expected.insert(name.to_owned(), token("resident_id", false));
    }
    for &name in HOLDERS {
        expected.insert(name.to_owned(), token("resident_id", true));
    }
    for &(name, kind) in OTHERS {
        expected.insert(name.to_owned(), token(kind, false));
    }
    for &name in KEPT {
        expected.insert(name.to_owned(), Protect::Keep);
    }
    for &name in ENCRYPTED {
        expected.insert(name.to_owned(), Protect::Encrypt);
    }
    let mut actual = BTreeMap::new();
    for contract in &project().contracts {
        for column in &contract.columns {
            let name = format!("{}.{}", contract.dataset, column.name);
            if column.grade == Grade::L4 {
                actual.insert(name, column.protect.clone());
            } else {
                assert_eq!(column.protect, Protect::Keep, "{name}");
            }
        }
    }
    assert_eq!(actual, expected);
}
