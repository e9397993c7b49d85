//! The datasets and their fields, in the order of the data catalogue.
//!
//! A field's kind says which defects can befall it. Fields of the key come first; `key_len`
//! counts them.

#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) name: &'static str,
    pub(crate) kafka_topic: &'static str,
    pub(crate) system: &'static str,
    pub(crate) key_len: usize,
    pub(crate) fields: &'static [(&'static str, Kind)],
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Resident,
    Uscc,
    /// A resident id or a credit code.
    Holder,
    /// Account, meter, licence and registration numbers.
    Number,
    PersonName,
    OrgName,
    /// A name of either sort.
    Name,
    Address,
    Text,
    Phone,
    Division,
    /// Member of a list; the name finds its aliases.
    Code(&'static str),
    Sex,
    BirthDate,
    Date,
    /// A date that may be an open end.
    EndDate,
    Month,
    /// Money or a quantity; in units of 10,000 yuan.
    Amount,
    AmountWan,
    Int,
    Float,
    Bool,
    Instant,
}

use Kind::{
    Address, Amount, AmountWan, BirthDate, Bool, Code, Date, Division, EndDate, Float, Holder,
    Instant, Int, Month, Name, Number, OrgName, PersonName, Phone, Resident, Sex, Text, Uscc,
};

/// Index of each dataset in [`DATASETS`].
pub(crate) const NP_PERSON: usize = 0;
pub(crate) const LE_ENTITY: usize = 1;
pub(crate) const LE_SHAREHOLDER: usize = 2;
pub(crate) const LE_ANNUAL_REPORT: usize = 3;
pub(crate) const LIC_LICENCE: usize = 4;
/// Water, power, gas.
pub(crate) const ACCOUNTS: [usize; 3] = [5, 7, 9];
pub(crate) const BILLS: [usize; 3] = [6, 8, 10];

pub(crate) const DATASETS: [Dataset; 11] = [
    Dataset {
        name: "np_person",
        kafka_topic: "base.np.person",
        system: "ga-hukou",
        key_len: 1,
        fields: &[
            ("citizen_id", Resident),
            ("name", PersonName),
            ("sex_code", Sex),
            ("ethnicity_code", Code("ethnicity")),
            ("birth_date", BirthDate),
            ("hukou_division", Division),
            ("hukou_type", Code("hukou_type")),
            ("residence_division", Division),
            ("address", Address),
            ("phone", Phone),
            ("marital_code", Code("marital")),
            ("education_code", Code("education")),
            ("is_alive", Bool),
            ("death_date", Date),
            ("updated_at", Instant),
        ],
    },
    Dataset {
        name: "le_entity",
        kafka_topic: "base.le.entity",
        system: "scjg-core",
        key_len: 1,
        fields: &[
            ("uscc", Uscc),
            ("reg_no", Number),
            ("name", OrgName),
            ("entity_type", Code("entity_type")),
            ("status_code", Code("entity_status")),
            ("legal_rep_name", PersonName),
            ("legal_rep_id", Resident),
            ("reg_capital_wan", AmountWan),
            ("currency_code", Code("currency")),
            ("found_date", Date),
            ("approve_date", Date),
            ("cancel_date", Date),
            ("revoke_date", Date),
            ("industry_code", Code("industry")),
            ("scope", Text),
            ("division_code", Division),
            ("address", Address),
            ("lon", Float),
            ("lat", Float),
            ("employees", Int),
            ("updated_at", Instant),
        ],
    },
    Dataset {
        name: "le_shareholder",
        kafka_topic: "base.le.shareholder",
        system: "scjg-core",
        key_len: 2,
        fields: &[
            ("uscc", Uscc),
            ("holder_seq", Int),
            ("holder_name", Name),
            ("holder_code_type", Code("holder_code_type")),
            ("holder_code", Holder),
            ("subscribed_wan", AmountWan),
            ("paid_wan", AmountWan),
            ("ratio", Amount),
            ("updated_at", Instant),
        ],
    },
    Dataset {
        name: "le_annual_report",
        kafka_topic: "base.le.annual_report",
        system: "scjg-report",
        key_len: 2,
        fields: &[
            ("uscc", Uscc),
            ("report_year", Int),
            ("total_assets_wan", AmountWan),
            ("revenue_wan", AmountWan),
            ("net_profit_wan", AmountWan),
            ("tax_total_wan", AmountWan),
            ("employees", Int),
            ("published_date", Date),
        ],
    },
    Dataset {
        name: "lic_licence",
        kafka_topic: "base.lic.licence",
        system: "dzzz-catalogue",
        key_len: 1,
        fields: &[
            ("licence_id", Number),
            ("type_code", Number),
            ("licence_name", Text),
            ("licence_no", Number),
            ("holder_name", Name),
            ("holder_code_type", Code("holder_code_type")),
            ("holder_code", Holder),
            ("issuer_name", OrgName),
            ("issuer_uscc", Uscc),
            ("issue_date", Date),
            ("valid_from", Date),
            ("valid_to", EndDate),
            ("status_code", Code("licence_state")),
            ("division_code", Division),
            ("updated_at", Instant),
        ],
    },
    account("water_account", "feed.water.account", "water-crm"),
    bill("water_bill", "feed.water.bill", "water-crm"),
    account("power_account", "feed.power.account", "sgcc-marketing"),
    bill("power_bill", "feed.power.bill", "sgcc-marketing"),
    account("gas_account", "feed.gas.account", "gas-crm"),
    bill("gas_bill", "feed.gas.bill", "gas-crm"),
];

const fn account(name: &'static str, kafka_topic: &'static str, system: &'static str) -> Dataset {
    Dataset {
        name,
        kafka_topic,
        system,
        key_len: 1,
        fields: &[
            ("account_no", Number),
            ("holder_name", Name),
            ("holder_code_type", Code("holder_code_type")),
            ("holder_code", Holder),
            ("meter_no", Number),
            ("address", Address),
            ("division_code", Division),
            ("category_code", Code("category")),
            ("capacity", Amount),
            ("open_date", Date),
            ("close_date", Date),
            ("status_code", Code("account_status")),
            ("updated_at", Instant),
        ],
    }
}

const fn bill(name: &'static str, kafka_topic: &'static str, system: &'static str) -> Dataset {
    Dataset {
        name,
        kafka_topic,
        system,
        key_len: 2,
        fields: &[
            ("account_no", Number),
            ("bill_month", Month),
            ("qty", Amount),
            ("amount", Amount),
            ("paid_amount", Amount),
            ("due_date", Date),
            ("paid_date", Date),
            ("pay_status", Code("arrears_state")),
            ("updated_at", Instant),
        ],
    }
}

/// How a code of a list is also written; `None` where no other spelling is common.
pub(crate) fn alias_of(list: &str, code: &str) -> Option<&'static str> {
    Some(match (list, code) {
        ("sex", "1") => "男",
        ("sex", "2") => "女",
        ("ethnicity", "01") => "汉族",
        ("ethnicity", "06") => "苗族",
        ("ethnicity", "15") => "土家族",
        ("marital", "10") => "未婚",
        ("marital", "20") => "已婚",
        ("marital", "40") => "离婚",
        ("education", "20") => "大学本科教育",
        ("education", "30") => "大学专科教育",
        ("education", "70") => "初级中学教育",
        ("entity_type", "1130") => "有限责任公司(自然人投资或控股)",
        ("entity_type", "1200") => "股份有限公司",
        ("entity_type", "9500") => "个体工商户",
        ("entity_status", "4") => "注销",
        ("currency", "156") => "人民币",
        ("holder_code_type", "001") => "统一社会信用代码",
        ("holder_code_type", "111") => "公民身份号码",
        ("licence_state", "01") => "有效",
        ("licence_state", "04") => "注销",
        ("arrears_state", "1") => "已缴清",
        ("arrears_state", "3") => "欠费",
        _ => return None,
    })
}
