//! Reasons and rules in the words of people: what is wrong, in Chinese and English, what a
//! department can do about it, and what a rule expects.

use huiliu_model::contract::{NamedRule, Rule};
use huiliu_model::{Column, Contract, DataType};

/// One reason, for those who have to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    pub zh: &'static str,
    pub en: &'static str,
    pub remedy_zh: &'static str,
    pub remedy_en: &'static str,
}

/// The words for a reason; those for an unknown one say so.
pub fn of(reason: &str) -> Words {
    let found = REASONS.iter().find(|(label, ..)| *label == reason);
    let (_, zh, en, remedy) = found.copied().unwrap_or(("", "其他原因", "another reason", Check));
    let (remedy_zh, remedy_en) = remedy.texts();
    Words { zh, en, remedy_zh, remedy_en }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remedy {
    /// Look the value up and send it again.
    Check,
    Unmask,
    Fill,
    Code,
    Number,
    Resend,
    Envelope,
    Sequence,
    LookUp,
    Late,
}

use Remedy::{Check, Code, Envelope, Fill, Late, LookUp, Number, Resend, Sequence, Unmask};

impl Remedy {
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Check => (
                "核对原件后更正该字段并重新报送",
                "check the original, correct the field, send it again",
            ),
            Unmask => ("报送未脱敏的原值", "send the value without masking"),
            Fill => ("补填该字段并重新报送", "fill the field in and send it again"),
            Code => ("改用代码表中的代码", "use a code of the list"),
            Number => (
                "按文本格式导出(勿用电子表格数值格式)并重新报送",
                "export the column as text, not as a number, and send it again",
            ),
            Resend => (
                "检查接口程序后重新报送整条记录",
                "check the sending program and send the whole record again",
            ),
            Envelope => {
                ("按报送规范补正报文封装字段", "correct the envelope as the interface says")
            }
            Sequence => {
                ("由源系统补发带序号的变更", "send the change with the sequence of the source")
            }
            LookUp => (
                "换领统一社会信用代码后更正, 或由平台按登记信息补全",
                "replace it by the unified social credit code; `repair --look-up` may find it",
            ),
            Late => {
                ("该主键此后已删除, 无需处理", "the key was deleted later; nothing is to be done")
            }
        }
    }
}

/// Label, Chinese, English, remedy.
type Row = (&'static str, &'static str, &'static str, Remedy);

const REASONS: [Row; 57] = [
    ("LENGTH", "长度不符", "wrong length", Check),
    ("CHARSET", "含有不允许的字符", "characters that are not allowed", Check),
    ("CHECKSUM", "校验码不正确", "the check character is wrong", Check),
    ("DEPT_CODE", "登记管理部门代码不正确", "unknown registration authority", Check),
    ("CLASS_CODE", "机构类别代码不正确", "unknown class of organisation", Check),
    ("REGION_UNKNOWN", "行政区划代码不存在", "unknown division", Check),
    (
        "ORG_CODE_CHECKSUM",
        "组织机构代码校验不正确",
        "the organisation code's check is wrong",
        Check,
    ),
    ("BIRTH_DATE", "出生日期不合法", "the birth date does not exist", Check),
    ("BIRTH_RANGE", "出生日期超出合理范围", "the birth date is out of range", Check),
    ("BIRTH_FUTURE", "出生日期在将来", "the birth date lies in the future", Check),
    ("ROOT", "证照标识根节点不正确", "the identifier has another root", Check),
    ("SEGMENTS", "证照标识段数不正确", "the identifier has other segments", Check),
    ("VERSION_FORMAT", "证照版本号格式不正确", "the version is not three digits", Check),
    ("FORMAT", "格式不正确", "wrong format", Check),
    ("EXCEL_FLOAT", "被电子表格改成科学计数", "a spreadsheet made it a float", Number),
    (
        "EXCEL_TRUNCATED",
        "被电子表格截断为15位有效数字",
        "a spreadsheet cut it to 15 digits",
        Number,
    ),
    ("PLACEHOLDER", "占位值", "a placeholder", Fill),
    ("MASKED", "报送前已脱敏", "masked before it was sent", Unmask),
    ("NULL_TOKEN", "以空值符号代替内容", "a word for nothing", Fill),
    ("PREFIX", "前缀不正确", "wrong prefix", Check),
    ("REQUIRED", "必填项为空", "a required value is missing", Fill),
    ("TYPE", "类型不正确", "wrong type", Check),
    ("RANGE", "超出取值范围", "out of range", Check),
    ("PATTERN", "不符合规定格式", "does not match the pattern", Check),
    ("CODE_UNKNOWN", "代码不在代码表中", "not a code of the list", Code),
    ("DATE_ORDER", "日期先后颠倒", "dates in the wrong order", Check),
    ("MISMATCH", "与其他字段不一致", "contradicts another field", Check),
    ("AMBIGUOUS", "含义不明确", "ambiguous", Check),
    ("UNAVAILABLE", "源系统未提供该值", "the source did not send it", Fill),
    ("EMPTY", "记录为空", "an empty record", Resend),
    ("NOT_UTF8", "不是 UTF-8 编码", "not UTF-8", Resend),
    ("NOT_JSON", "不是合法的 JSON", "not JSON", Resend),
    ("TRUNCATED", "记录被截断", "cut off", Resend),
    ("TOO_DEEP", "嵌套层数过多", "nested too deep", Resend),
    ("TOO_LARGE", "记录过长", "too long", Resend),
    ("NOT_AN_OBJECT", "不是 JSON 对象", "not a JSON object", Resend),
    ("ENVELOPE_FIELD", "报文封装字段不正确", "a field of the envelope is wrong", Envelope),
    ("OP_UNKNOWN", "未知的操作类型", "unknown operation", Envelope),
    ("DATASET_UNKNOWN", "不属于本数据资源", "of another dataset", Envelope),
    ("IMAGE_MISSING", "缺少行数据", "without the row", Envelope),
    ("SEQUENCE_MISSING", "缺少序号", "without a sequence", Sequence),
    ("KEY_MISSING", "主键为空", "the key is missing", Fill),
    ("DUPLICATE_FIELD", "封装字段重复", "a field twice", Envelope),
    ("VERSION_UNKNOWN", "未知的报文版本", "unknown version", Envelope),
    (
        "TRUNCATE_UNSUPPORTED",
        "源表整表清空，已错过其时",
        "a source emptied its table, and it was not told in its turn",
        Resend,
    ),
    ("MAGIC_BYTE", "缺少 Avro 魔术字节", "does not begin as Avro with a schema id does", Resend),
    ("SCHEMA_UNKNOWN", "模式注册中心无此模式编号", "the registry does not know its schema", Resend),
    ("SCHEMA_INVALID", "模式不可用", "its schema is none that this format can have", Resend),
    ("NOT_AVRO", "与其 Avro 模式不符", "not what its Avro schema says", Resend),
    ("TRAILING_BYTES", "记录之后有多余字节", "bytes behind the end of the record", Resend),
    ("LEGACY_REG_NO", "填报的是工商注册号", "an old registration number", LookUp),
    ("ORG_CODE_ONLY", "填报的是组织机构代码", "only the organisation code", LookUp),
    ("SUGGEST", "字母 O、I 与数字 0、1 混淆", "O or I where 0 or 1 is meant", Check),
    ("FIELD_UNKNOWN", "含约定之外的字段", "a field the contract does not name", Resend),
    ("FIELD_MISSING", "缺少约定的字段", "a field of the contract is missing", Resend),
    ("FIELD_COUNT", "列数与表头不符", "more or fewer fields than the header", Resend),
    ("DELETED_SINCE", "该主键此后已删除", "the key was deleted later", Late),
];

/// What the rule that failed expects of this column.
pub fn expects(contract: &Contract, column: Option<&Column>, rule: Option<&str>) -> Option<String> {
    let rule = rule?;
    let Some(column) = column else {
        return (rule == "event_time").then(|| {
            "an event time after 1970-01-01, at most an hour ahead of the time of arrival".into()
        });
    };
    if let Some(named) = NamedRule::from_name(rule) {
        return Some(of_named(named).to_owned());
    }
    let other = |at: usize| contract.columns.get(at).map_or("?", |c| c.name.as_str()).to_owned();
    let of_rule = |r: &Rule| match (rule, r) {
        ("code_list", Rule::CodeList(name)) => Some(format!("a code of the list `{name}`")),
        ("one_of", Rule::OneOf(values)) => Some(format!("one of {}", values.join(", "))),
        ("at_least", Rule::AtLeast(bound)) => Some(format!("at least {bound}")),
        ("at_most", Rule::AtMost(bound)) => Some(format!("at most {bound}")),
        ("pattern", Rule::Pattern(pattern)) => Some(format!("the pattern {pattern}")),
        ("length", Rule::Length { max: 0, .. }) => Some("no value".to_owned()),
        ("since", Rule::Since(day)) => {
            let day = chrono::NaiveDate::from_epoch_days(*day)?;
            Some(format!("the day {day} or a later one"))
        }
        ("length", Rule::Length { min, max }) => Some(format!("{min} to {max} characters")),
        ("year_before_event", Rule::YearBeforeEvent(years)) => {
            Some(format!("a year at least {years} before that of the event"))
        }
        ("not_before", Rule::NotBefore { column }) => {
            Some(format!("not before `{}`", other(*column)))
        }
        _ => None,
    };
    let said = column.rules.iter().find_map(of_rule);
    said.or_else(|| match rule {
        "required" => Some("a value; the row is found by it".to_owned()),
        "month_start" => Some("the first day of a month".to_owned()),
        "not_future" => Some("a day not after the event".to_owned()),
        _ => Some(format!("a value of type {}", of_type(column.data_type))),
    })
}

fn of_type(data_type: DataType) -> String {
    match data_type {
        DataType::Date => "date, as 2020-05-01".to_owned(),
        DataType::Timestamp => "timestamp, as 2020-05-01T08:00:00+08:00".to_owned(),
        other => other.to_string(),
    }
}

fn of_named(rule: NamedRule) -> &'static str {
    match rule {
        NamedRule::Uscc => "a unified social credit code: 18 characters (GB 32100)",
        NamedRule::OrgCode => "an organisation code: 8 characters and a check (GB 11714)",
        NamedRule::BusinessRegNo => "a registration number: 15 digits, or 13 of the old ones",
        NamedRule::ResidentId => "a resident id: 18 characters, or 15 digits (GB 11643)",
        NamedRule::ElicenceId => "a licence identifier: ten parts with dots (GB/T 36904)",
        NamedRule::ProjectCode => "a project code: YYMM-RRRRRR-DD-TT-NNNNNC (GB/T 40058)",
        NamedRule::HolderCode => "a resident id or a unified social credit code",
        NamedRule::IdentityDocument => "a resident id, a passport or a travel permit",
        NamedRule::Phone => "a mobile or a landline number",
        NamedRule::Mobile => "a mobile number: 11 digits",
        NamedRule::Landline => "a landline number with its area code",
        NamedRule::PostalCode => "a postal code of six digits",
        NamedRule::Plate => "a number plate",
        NamedRule::BankCard => "a bank card number: 12 to 19 digits",
        NamedRule::ParcelCode => "a parcel code: 19 characters",
        NamedRule::LandUse => "a land use code: two to four digits (GB/T 21010)",
        NamedRule::RelaxedCode => "a number of a document",
        NamedRule::Division6 => "a division code of six digits (GB/T 2260)",
        NamedRule::Division12 => "a division code of twelve digits",
        NamedRule::Division => "a division code of six or twelve digits",
        NamedRule::Industry => "an industry code (GB/T 4754)",
        NamedRule::PersonName => "a person's name",
        NamedRule::OrgName => "an organisation's name",
        NamedRule::Name => "a name",
        NamedRule::Address => "an address",
        NamedRule::AccountNo => "an account number, as digits",
        NamedRule::MeterNo => "a meter number",
        NamedRule::LicenceType => "a licence type: a credit code and three digits",
        NamedRule::UnitCode => "a real estate unit code: 28 characters (GB/T 37346)",
        NamedRule::ItemCode => "an item code: 31 characters (GB/T 39554.1)",
        NamedRule::Longitude | NamedRule::Latitude => "degrees within the city",
        NamedRule::Date => "a date, as 2020-05-01",
        NamedRule::Timestamp => "an instant, as 2020-05-01T08:00:00+08:00",
        NamedRule::Text | NamedRule::FreeText => "a text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::Reason;

    #[test]
    fn every_reason_has_words_of_its_own() {
        for reason in Reason::ALL {
            assert_ne!(of(reason.label()).en, "another reason", "{}", reason.label());
        }
        let mut labels: Vec<&str> = REASONS.iter().map(|(label, ..)| *label).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), REASONS.len());
        assert_eq!(of("CHECKSUM").zh, "校验码不正确");
    }
}
