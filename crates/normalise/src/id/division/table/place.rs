//! What a code says of its place: name, level, and the place it lies in.
//!
//! A code has 6, 9 or 12 digits; zeros at the end of the longer ones are no level of their own
//! (`500103000000` is a county). Names are those of Chongqing and of the provinces; of the other
//! provinces only the codes are known, and of villages only the streets they belong to.

use super::{Divisions, number};
use std::borrow::Cow;

/// Provinces of GB/T 2260 by their first two digits, and the nation.
const PROVINCES: [(u32, &str); 35] = [
    (10, "全国"),
    (11, "北京市"),
    (12, "天津市"),
    (13, "河北省"),
    (14, "山西省"),
    (15, "内蒙古自治区"),
    (21, "辽宁省"),
    (22, "吉林省"),
    (23, "黑龙江省"),
    (31, "上海市"),
    (32, "江苏省"),
    (33, "浙江省"),
    (34, "安徽省"),
    (35, "福建省"),
    (36, "江西省"),
    (37, "山东省"),
    (41, "河南省"),
    (42, "湖北省"),
    (43, "湖南省"),
    (44, "广东省"),
    (45, "广西壮族自治区"),
    (46, "海南省"),
    (50, "重庆市"),
    (51, "四川省"),
    (52, "贵州省"),
    (53, "云南省"),
    (54, "西藏自治区"),
    (61, "陕西省"),
    (62, "甘肃省"),
    (63, "青海省"),
    (64, "宁夏回族自治区"),
    (65, "新疆维吾尔自治区"),
    (71, "台湾省"),
    (81, "香港特别行政区"),
    (82, "澳门特别行政区"),
];

const NATION: u32 = 100_000;
/// Chongqing; its districts and counties lie in it directly: 500100 and 500200 only group them.
const CITY: u32 = 500_000;

/// A level of the administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Nation,
    Province,
    City,
    County,
    /// A development zone with a code of the project.
    Zone,
    /// Street or town.
    Street,
    Village,
}

impl Level {
    pub fn label(self) -> &'static str {
        match self {
            Self::Nation => "nation",
            Self::Province => "province",
            Self::City => "city",
            Self::County => "county",
            Self::Zone => "zone",
            Self::Street => "street",
            Self::Village => "village",
        }
    }
}

/// A code by what its digits say.
enum Place {
    Zone(&'static str),
    County(u32),
    Street(u32),
    Village(u32),
}

impl Divisions {
    /// Name of the place; of a code of Chongqing the one it had on `as_of`, else its newest.
    pub fn name(&self, code: &str, as_of: Option<i32>) -> Option<&'static str> {
        match self.place(code)? {
            Place::Zone(name) => Some(name),
            Place::Street(street) => self.street(street),
            Place::Village(_) => None,
            Place::County(county) => {
                let mut periods = self.periods_of(county).iter().rev();
                let period = match as_of {
                    Some(day) => periods.find(|period| period.meets(day, day)),
                    None => periods.next(),
                };
                let province = || PROVINCES.iter().find(|(two, _)| two * 10_000 == county);
                period.map(|p| p.name).or_else(|| province().map(|(_, name)| *name))
            }
        }
    }

    /// Level of the place; `None` for a code that never was one.
    pub fn level(&self, code: &str) -> Option<Level> {
        Some(match self.place(code)? {
            Place::Zone(_) => Level::Zone,
            Place::Street(_) => Level::Street,
            Place::Village(_) => Level::Village,
            Place::County(NATION) => Level::Nation,
            Place::County(county) if county % 10_000 == 0 => Level::Province,
            Place::County(county) if county % 100 == 0 => Level::City,
            Place::County(_) => Level::County,
        })
    }

    /// Code of the place it lies in: of a village its street in as many digits, of a street its
    /// county in six, of a county of Chongqing the city, of another its prefecture.
    pub fn parent(&self, code: &str) -> Option<Cow<'static, str>> {
        let owned = |code: u32| Some(Cow::Owned(code.to_string()));
        match self.place(code)? {
            Place::Zone(_) => Some(Cow::Borrowed("500000")),
            Place::Village(street) => Some(Cow::Owned(format!("{street}000"))),
            Place::Street(street) => owned(street / 1_000),
            Place::County(NATION) => None,
            Place::County(county) if county % 10_000 == 0 => owned(NATION),
            Place::County(county) if county / 10_000 == CITY / 10_000 => owned(CITY),
            Place::County(county) => {
                let (city, province) = (county / 100 * 100, county / 10_000 * 10_000);
                owned(if county != city && self.is_known(city) { city } else { province })
            }
        }
    }

    /// The county, in force on `as_of`, that the county of a code became; a zone stays itself.
    pub fn county_on(&self, code: &str, as_of: i32) -> Option<Cow<'static, str>> {
        let county = match self.place(code)? {
            Place::Zone(_) => {
                let zone = self.zones.iter().find(|(zone, _)| *zone == code);
                return zone.map(|(zone, _)| Cow::Borrowed(*zone));
            }
            Place::County(county) => county,
            Place::Street(street) | Place::Village(street) => street / 1_000,
        };
        self.roll_up(county, as_of).map(|code| Cow::Owned(code.to_string()))
    }

    /// Name of a street or town by its nine digits.
    pub(super) fn street(&self, code: u32) -> Option<&'static str> {
        let at = self.streets.binary_search_by_key(&code, |(street, _)| *street).ok()?;
        self.streets.get(at).map(|(_, name)| *name)
    }

    fn place(&self, code: &str) -> Option<Place> {
        if let Some((_, name)) = self.zones.iter().find(|(zone, _)| *zone == code) {
            return Some(Place::Zone(name));
        }
        let (front, village) = match code.len() {
            6 | 9 => (code, ""),
            12 => (code.get(..9)?, code.get(9..)?),
            _ => return None,
        };
        let (county, street) = (number(front.get(..6)?)?, number(front)?);
        let village = if village.is_empty() { 0 } else { number(village)? };
        if !self.is_known(county) {
            return None;
        }
        match (front.len(), street % 1_000, village) {
            (6, ..) | (9, 0, 0) => Some(Place::County(county)),
            (_, 0, _) => None,
            // Streets are known in Chongqing only.
            _ if self.street(street).is_none() && county / 10_000 == CITY / 10_000 => None,
            (_, _, 0) => Some(Place::Street(street)),
            _ => Some(Place::Village(street)),
        }
    }
}
