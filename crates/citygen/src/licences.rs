//! Electronic licences of firms and residents.

use crate::authorities::{Authority, HEALTH, LAND, MARKET, POLICE, TRANSPORT};
use crate::calendar::{Day, Micros, date_text, midnight};
use crate::dice::{Dice, World};
use crate::fields::LIC_LICENCE;
use crate::ids::licence;
use crate::places::COUNTIES;
use crate::row::{Row, date, instant, maybe_date, text};
use crate::stream::{Holder, Named};

/// What is remembered of a licence; its number names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Licence {
    pub(crate) kind: u8,
    pub(crate) holder: Holder,
    /// 1 for the first issue; a new issue has a new identifier.
    pub(crate) version: u8,
    pub(crate) status: &'static str,
    pub(crate) is_gone: bool,
    /// Time of the last change; `None` while it is as first issued.
    pub(crate) at: Option<Micros>,
}

struct Type {
    name: &'static str,
    serial: &'static str,
    issuer: &'static Authority,
    years: Option<i32>,
}

/// The first four are for firms, the others for residents.
static TYPES: [Type; 7] = [
    Type { name: "营业执照", serial: "001", issuer: &MARKET, years: None },
    Type { name: "食品经营许可证", serial: "002", issuer: &MARKET, years: Some(5) },
    Type { name: "道路运输经营许可证", serial: "001", issuer: &TRANSPORT, years: Some(4) },
    Type { name: "卫生许可证", serial: "001", issuer: &HEALTH, years: Some(4) },
    Type { name: "居住证", serial: "001", issuer: &POLICE, years: Some(1) },
    Type { name: "机动车驾驶证", serial: "002", issuer: &POLICE, years: Some(6) },
    Type { name: "不动产权证书", serial: "001", issuer: &LAND, years: None },
];

pub(crate) const BUSINESS: u8 = 0;
const LICENCE: u64 = 0x6c69_636e;

/// A further licence for a firm or a first one for a resident.
pub(crate) fn any_kind(for_firm: bool, dice: &mut Dice) -> u8 {
    let kind = if for_firm { 1 + dice.below(3) } else { 4 + dice.below(3) };
    u8::try_from(kind).expect("below the number of types")
}

/// The licence's row and the time of its last change.
pub(crate) fn row(
    world: World,
    number: u32,
    of: &Licence,
    holder: &Named,
    last_day: Day,
) -> (Row, Micros) {
    let kind = &TYPES[usize::from(of.kind)];
    let mut dice = world.dice(&[LICENCE, u64::from(number)]);
    let since = holder.since.max(last_day - 6 * 365);
    let first = since + dice.days(0, (last_day - since).max(1) - 1);
    let issued = (first + 30 * (Day::from(of.version) - 1)).min(last_day);
    let issuer = kind.issuer.code();
    let type_code = format!("{issuer}{}", kind.serial);
    let region = COUNTIES[holder.county].code;
    let serial = format!("{region}{number:010}");
    let at = of.at.unwrap_or(midnight(issued) + dice.between(0, 86_399_999_999));
    let row = Row::new(
        LIC_LICENCE,
        vec![
            text(licence(&type_code, issuer, &serial, u32::from(of.version))),
            text(type_code),
            text(kind.name),
            text(format!("渝{}第{number:08}号", &date_text(issued)[..4])),
            text(holder.name.clone()),
            text(holder.code_type),
            text(holder.code.clone()),
            text(kind.issuer.name),
            text(issuer),
            date(issued),
            date(issued),
            maybe_date(kind.years.map(|years| issued + years * 365)),
            text(of.status),
            text(region),
            instant(at),
        ],
    );
    (row, at)
}
