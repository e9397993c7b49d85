//! Who keeps registers, issues licences, lends and judges.
//!
//! The organisation codes are made up; the credit codes built on them are valid.

use crate::ids::uscc;
use std::sync::OnceLock;

/// A body of the city.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) name: &'static str,
    /// Department and class of its credit code.
    class: &'static str,
    /// The eight characters of its organisation code.
    org_body: &'static str,
    code: OnceLock<String>,
}

impl Authority {
    const fn new(name: &'static str, class: &'static str, org_body: &'static str) -> Self {
        Self { name, class, org_body, code: OnceLock::new() }
    }

    /// Its credit code.
    pub(crate) fn code(&'static self) -> &'static str {
        self.code.get_or_init(|| uscc(self.class, "500000", self.org_body))
    }
}

pub(crate) static MARKET: Authority = Authority::new("重庆市市场监督管理局", "11", "MB163456");
pub(crate) static POLICE: Authority = Authority::new("重庆市公安局", "11", "00927592");
pub(crate) static TRANSPORT: Authority = Authority::new("重庆市交通局", "11", "00927613");
pub(crate) static HEALTH: Authority = Authority::new("重庆市卫生健康委员会", "11", "MB158347");
pub(crate) static LAND: Authority = Authority::new("重庆市规划和自然资源局", "11", "MB167520");
pub(crate) static WATER: Authority = Authority::new("重庆水务集团", "91", "20280103");
pub(crate) static POWER: Authority = Authority::new("国网重庆市电力公司", "91", "20280252");
pub(crate) static GAS: Authority = Authority::new("重庆燃气集团", "91", "20281058");
pub(crate) static OFFICE: Authority = Authority::new("重庆市人民政府办公厅", "11", "00927512");
pub(crate) static TELECOM: Authority = Authority::new("重庆市通信管理局", "11", "75305219");
pub(crate) static AIRPORT: Authority = Authority::new("重庆机场集团有限公司", "91", "20280311");
pub(crate) static RAIL: Authority =
    Authority::new("中国铁路成都局集团有限公司重庆站", "91", "20280327");
pub(crate) static TRADING: Authority = Authority::new("重庆市公共资源交易中心", "12", "MB1B2031");
pub(crate) static COURT: Authority = Authority::new("重庆市高级人民法院", "11", "00927560");
pub(crate) static TAX: Authority = Authority::new("国家税务总局重庆市税务局", "11", "MB150128");
pub(crate) static LABOUR: Authority =
    Authority::new("重庆市人力资源和社会保障局", "11", "00927656");
pub(crate) static HOUSING: Authority = Authority::new("重庆市住房公积金管理中心", "12", "45039215");
pub(crate) static FINANCE: Authority = Authority::new("重庆市地方金融监督管理局", "11", "MB162930");
pub(crate) static REFORM: Authority = Authority::new("重庆市发展和改革委员会", "11", "00927531");
pub(crate) static POVERTY: Authority = Authority::new("重庆市扶贫开发办公室", "11", "00927744");
pub(crate) static MEDICARE: Authority = Authority::new("重庆市医疗保障局", "11", "MB157731");
pub(crate) static INVEST: Authority = Authority::new("重庆市招商投资促进局", "11", "MB161904");
pub(crate) static ECOLOGY: Authority = Authority::new("重庆市生态环境局", "11", "MB151085");
pub(crate) static BUILDING: Authority =
    Authority::new("重庆市住房和城乡建设委员会", "11", "MB154472");
pub(crate) static BANK_FIRST: Authority = Authority::new("重庆银行股份有限公司", "91", "20280406");
pub(crate) static BANK_SECOND: Authority =
    Authority::new("重庆农村商业银行股份有限公司", "91", "67612728");
pub(crate) static BANK_THIRD: Authority =
    Authority::new("重庆三峡银行股份有限公司", "91", "71165214");
pub(crate) static LABORATORY: Authority =
    Authority::new("重庆市疾病预防控制中心", "12", "45040114");
pub(crate) static HOSPITAL: Authority = Authority::new("重庆市人民医院", "12", "45040218");
