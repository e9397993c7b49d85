//! The small dictionary: words of headers, the names they become, and what they hint at.

use huiliu_model::contract::NamedRule;

/// What a word says of the values below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    Rule(NamedRule),
    List(&'static str),
    Date,
    Month,
    Time,
    /// When the source last touched the row.
    Updated,
    /// Money.
    Amount,
    /// Any other number.
    Quantity,
    Truth,
    /// A number or code that identifies: text, whatever its digits.
    Code,
    /// Running text.
    Note,
    /// Health, faith, biometrics, whereabouts: L4 (domain specification, 5.1).
    Sensitive,
    Birth,
    Email,
    None,
}

/// Words of Chinese headers, the ASCII name, the hint. A longer word wins over a shorter one.
#[rustfmt::skip]
const WORDS: &[(&[&str], &str, Hint)] = {
    use Hint as H;
    use NamedRule as R;
    &[
        (&["统一社会信用代码", "社会信用代码", "信用代码"], "uscc", H::Rule(R::Uscc)),
        (&["公民身份号码", "身份证号码", "身份证号", "身份证", "居民身份证"], "citizen_id", H::Rule(R::ResidentId)),
        (&["户主证件号", "户主证件号码", "主体代码"], "holder_code", H::Rule(R::HolderCode)),
        (&["证件号码", "证件号", "证件编号"], "document_no", H::Rule(R::IdentityDocument)),
        (&["证件类型", "证件种类"], "document_type", H::List("person_doc_type")),
        (&["组织机构代码"], "org_code", H::Rule(R::OrgCode)),
        (&["工商注册号", "注册号"], "reg_no", H::Rule(R::BusinessRegNo)),
        (&["电子证照标识", "证照标识"], "licence_id", H::Rule(R::ElicenceId)),
        (&["项目代码", "投资项目代码"], "project_code", H::Rule(R::ProjectCode)),
        (&["实施编码", "事项编码"], "item_code", H::Rule(R::ItemCode)),
        (&["不动产单元号", "不动产单元代码"], "unit_code", H::Rule(R::UnitCode)),
        (&["宗地代码"], "parcel_code", H::Rule(R::ParcelCode)),
        (&["车牌号", "号牌号码", "车牌", "车牌号码"], "plate_no", H::Rule(R::Plate)),
        (&["银行卡号", "银行账号", "银行账户", "账号"], "bank_card", H::Rule(R::BankCard)),
        (&["手机", "手机号", "手机号码", "移动电话"], "mobile", H::Rule(R::Mobile)),
        (&["联系电话", "电话", "电话号码", "联系方式"], "phone", H::Rule(R::Phone)),
        (&["固定电话", "座机"], "landline", H::Rule(R::Landline)),
        (&["邮政编码", "邮编"], "postal_code", H::Rule(R::PostalCode)),
        (&["电子邮箱", "邮箱", "电子邮件"], "email", H::Email),
        (&["行政区划", "行政区划代码", "区划", "区划代码", "所属区县", "区县"], "division_code", H::Rule(R::Division)),
        (&["行业代码", "行业", "所属行业"], "industry_code", H::Rule(R::Industry)),
        (&["姓名", "人员姓名"], "person_name", H::Rule(R::PersonName)),
        (&["法定代表人", "负责人", "经办人", "联系人"], "contact_name", H::Rule(R::PersonName)),
        (&["户名", "户主姓名", "权利人"], "holder_name", H::Rule(R::Name)),
        (&["企业名称", "单位名称", "机构名称", "公司名称", "主体名称"], "org_name", H::Rule(R::OrgName)),
        (&["名称"], "name", H::Rule(R::Name)),
        (&["地址", "住址", "详细地址", "现住址", "用水地址", "用电地址", "用气地址"], "address", H::Rule(R::Address)),
        (&["户号", "用户编号", "用户号", "客户编号"], "account_no", H::Rule(R::AccountNo)),
        (&["表号", "水表号", "电表号", "气表号", "资产编号"], "meter_no", H::Rule(R::MeterNo)),
        (&["经度"], "longitude", H::Rule(R::Longitude)),
        (&["纬度"], "latitude", H::Rule(R::Latitude)),
        (&["文号", "许可证号", "合同编号", "证书编号"], "document_ref", H::Rule(R::RelaxedCode)),
        (&["性别", "性别代码"], "sex_code", H::List("sex")),
        (&["民族", "民族代码"], "ethnicity_code", H::List("ethnicity")),
        (&["学历"], "education_code", H::List("education")),
        (&["婚姻状况", "婚姻"], "marital_code", H::List("marital")),
        (&["经营状态", "登记状态", "企业状态"], "entity_status", H::List("entity_status")),
        (&["企业类型", "市场主体类型"], "entity_type", H::List("entity_type")),
        (&["币种"], "currency", H::List("currency")),
        (&["健康状况"], "health_code", H::List("health")),
        (&["诊断", "病情", "疾病"], "diagnosis", H::Sensitive),
        (&["残疾"], "disability", H::Sensitive),
        (&["宗教", "信仰"], "belief", H::Sensitive),
        (&["指纹", "人脸", "血型"], "biometrics", H::Sensitive),
        (&["轨迹", "行踪"], "whereabouts", H::Sensitive),
        (&["出生日期", "出生年月", "生日"], "birth_date", H::Birth),
        (&["更新时间", "最后更新时间", "更新日期", "修改时间"], "updated_at", H::Updated),
        (&["创建时间", "登记时间", "办理时间", "发生时间", "时间", "抄表时间"], "happened_at", H::Time),
        (&["账单月", "账单月份", "账期", "月份", "统计月份", "所属月份"], "month", H::Month),
        (&["抄表日期"], "reading_date", H::Date),
        (&["成立日期", "设立日期"], "founded_on", H::Date),
        (&["立户日期", "开户日期"], "open_date", H::Date),
        (&["销户日期"], "close_date", H::Date),
        (&["缴费截止日", "截止日期", "到期日期"], "due_date", H::Date),
        (&["缴费日期", "缴清日期", "支付日期"], "paid_date", H::Date),
        (&["日期"], "date", H::Date),
        (&["应缴金额", "应收金额"], "amount_due", H::Amount),
        (&["已缴金额", "实缴金额", "实收金额"], "amount_paid", H::Amount),
        (&["注册资本"], "capital", H::Amount),
        (&["金额", "费用", "收入", "余额"], "amount", H::Amount),
        (&["用水量"], "water_qty", H::Quantity),
        (&["用电量"], "power_qty", H::Quantity),
        (&["用气量"], "gas_qty", H::Quantity),
        (&["用量", "数量", "读数"], "qty", H::Quantity),
        (&["面积"], "area", H::Quantity),
        (&["人数"], "person_count", H::Quantity),
        (&["比例", "占比"], "share", H::Quantity),
        (&["年龄"], "age", H::Quantity),
        (&["是否"], "is", H::Truth),
        (&["备注", "说明", "描述", "内容", "意见"], "note", H::Note),
        (&["状态", "状态代码"], "status_code", H::Code),
        (&["类型", "类别", "种类"], "kind_code", H::Code),
        (&["流水号"], "serial_no", H::Code),
        (&["编号", "号码", "序号"], "no", H::Code),
        (&["代码", "编码"], "code", H::Code),
    ]
};

/// Endings of ASCII names that no Chinese word has.
#[rustfmt::skip]
const ENDINGS: &[(&str, Hint)] = &[
    ("id_card", Hint::Rule(NamedRule::ResidentId)),
    ("resident_id", Hint::Rule(NamedRule::ResidentId)),
    ("id_no", Hint::Rule(NamedRule::ResidentId)),
    ("tel", Hint::Rule(NamedRule::Phone)),
    ("division", Hint::Rule(NamedRule::Division)),
    ("sex", Hint::List("sex")),
    ("gender", Hint::List("sex")),
    ("ethnicity", Hint::List("ethnicity")),
    ("diagnosis", Hint::Sensitive),
    ("disability", Hint::Sensitive),
    ("health", Hint::Sensitive),
    ("birthday", Hint::Birth),
    ("time", Hint::Time),
    ("at", Hint::Time),
    ("day", Hint::Date),
    ("on", Hint::Date),
    ("remark", Hint::Note),
    ("note", Hint::Note),
    ("fee", Hint::Amount),
    ("price", Hint::Amount),
    ("count", Hint::Quantity),
    ("qty", Hint::Quantity),
    ("status", Hint::Code),
    ("type", Hint::Code),
    ("id", Hint::Code),
];

/// A header taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// `[a-z][a-z0-9_]*`; `None` when no word is known.
    pub name: Option<String>,
    pub hint: Hint,
}

/// What a header says.
pub(crate) fn read(header: &str) -> Word {
    let bare = bare(header);
    if let Some(name) = ascii(bare) {
        let hint = hint_of_name(&name);
        return Word { name: Some(name), hint };
    }
    let words = || {
        WORDS.iter().flat_map(|(titles, name, hint)| titles.iter().map(move |t| (*t, *name, *hint)))
    };
    let whole = words().find(|(title, ..)| *title == bare);
    let part = || {
        let found = words().filter(|(title, _, hint)| match hint {
            Hint::Truth => bare.starts_with(title),
            Hint::Sensitive => bare.contains(title),
            _ => bare.ends_with(title),
        });
        found.max_by_key(|(title, ..)| title.len())
    };
    match whole.or_else(part) {
        Some((_, name, hint)) => Word { name: Some(name.to_owned()), hint },
        None => Word { name: None, hint: Hint::None },
    }
}

/// Whether a name is what columns may be called.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with("sys_")
}

/// A header without the remark in brackets at its end.
pub(crate) fn bare(header: &str) -> &str {
    let header = header.trim();
    match header.rfind(['(', '（']) {
        Some(at) if at > 0 && header.ends_with([')', '）']) => header[..at].trim_end(),
        _ => header,
    }
}

/// The remark in brackets at the end of a header.
pub(crate) fn remark(header: &str) -> Option<&str> {
    let header = header.trim();
    let inner = header.strip_suffix([')', '）'])?;
    let (_, remark) = inner.rsplit_once(['(', '（'])?;
    Some(remark.trim())
}

/// The unit of a contract by the remark of a header.
pub(crate) fn unit(remark: &str) -> Option<&'static str> {
    Some(match remark.to_ascii_lowercase().as_str() {
        "元" | "人民币元" | "cny" | "rmb" => "CNY",
        "万元" => "10000 CNY",
        "kwh" | "度" | "千瓦时" => "kWh",
        "m3" | "m³" | "立方米" | "方" | "吨" => "m3",
        "m2" | "㎡" | "m²" | "平方米" => "m2",
        "%" | "百分比" => "%",
        "人" => "person",
        "天" | "日" => "day",
        "工作日" => "workday",
        "年" => "year",
        "度数" | "°" => "deg",
        "kva" => "kVA",
        "mm" | "毫米" => "mm",
        _ => return None,
    })
}

/// `AccountNo`, `account-no`, `ACCOUNT NO` → `account_no`.
fn ascii(header: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    if header.is_empty() || !header.chars().all(fits) {
        return None;
    }
    let (mut name, mut after_lower) = (String::new(), false);
    for c in header.chars() {
        if c.is_ascii_uppercase() && after_lower {
            name.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        name.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    let name = name.trim_matches('_');
    let named = if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("c_{name}")
    } else {
        name.to_owned()
    };
    is_name(&named).then_some(named)
}

fn hint_of_name(name: &str) -> Hint {
    let ends = |ending: &str| {
        name == ending || name.strip_suffix(ending).is_some_and(|front| front.ends_with('_'))
    };
    if name.starts_with("is_") || name.starts_with("has_") {
        return Hint::Truth;
    }
    let known = WORDS.iter().map(|(_, name, hint)| (*name, *hint)).chain(ENDINGS.iter().copied());
    let found = known.filter(|(ending, _)| ends(ending)).max_by_key(|(ending, _)| ending.len());
    found.map_or(Hint::None, |(_, hint)| hint)
}
