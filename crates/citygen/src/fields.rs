//! The 48 datasets and their fields, in the order of the data catalogue.
//!
//! A field's kind says which defects can befall it; the defects of a whole row go by `pairs` and
//! by the position of coordinates. Order of datasets, names, order of fields and keys are those
//! of the catalogue; a test holds them against it.

mod base;
mod feed;
mod pool;

use crate::authorities::Authority;

#[derive(Debug)]
pub(crate) struct Dataset {
    pub(crate) name: &'static str,
    pub(crate) kafka_topic: &'static str,
    pub(crate) system: &'static str,
    /// The department that reports.
    pub(crate) dept: &'static Authority,
    /// Rows are events: none is changed, a second one of the same key is a correction.
    pub(crate) is_append: bool,
    /// Positions of the key's fields.
    pub(crate) key: &'static [usize],
    /// Positions of a later and an earlier date or time, if both are known.
    pub(crate) pairs: &'static [(usize, usize)],
    pub(crate) fields: &'static [(&'static str, Kind)],
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Resident,
    Uscc,
    /// A resident id or a credit code.
    Holder,
    /// The account a bill belongs to.
    Account,
    /// Document, account, meter, licence and registration numbers, codes of stations.
    Number,
    PersonName,
    OrgName,
    /// A name of either sort.
    Name,
    Address,
    Text,
    /// Text in which clerks may say too much.
    FreeText,
    Phone,
    /// A county's code.
    Division,
    /// A village's or a street's code.
    Village,
    /// Member of a list; the name finds its aliases.
    Code(&'static str),
    /// Member of a set that has no other spellings.
    OneOf,
    Industry,
    Sex,
    BirthDate,
    Date,
    /// A date that may be an open end.
    EndDate,
    Month,
    /// Money in yuan; in units of 10,000 yuan.
    Amount,
    AmountWan,
    /// What is measured: kilowatt-hours, square metres, percents.
    Quantity,
    /// A holder's share in a firm, percent.
    Ratio,
    /// A meter's reading.
    Reading,
    Int,
    Longitude,
    Latitude,
    Bool,
    Instant,
}

pub(crate) const NP_PERSON: usize = 0;
pub(crate) const NP_HOUSEHOLD_MEMBER: usize = 1;
pub(crate) const LE_ENTITY: usize = 2;
pub(crate) const LE_SHAREHOLDER: usize = 3;
pub(crate) const LE_ANNUAL_REPORT: usize = 4;
pub(crate) const GEO_UNIT: usize = 5;
pub(crate) const GEO_RIGHT: usize = 6;
pub(crate) const GEO_ADDRESS: usize = 7;
pub(crate) const LIC_LICENCE: usize = 8;
pub(crate) const WATER_ACCOUNT: usize = 9;
pub(crate) const WATER_READING: usize = 10;
pub(crate) const WATER_BILL: usize = 11;
pub(crate) const POWER_ACCOUNT: usize = 12;
pub(crate) const POWER_READING: usize = 13;
pub(crate) const POWER_BILL: usize = 14;
pub(crate) const GAS_ACCOUNT: usize = 15;
pub(crate) const GAS_READING: usize = 16;
pub(crate) const GAS_BILL: usize = 17;
pub(crate) const TELECOM_MONTH: usize = 18;
pub(crate) const AVI_SERVICE: usize = 19;
pub(crate) const AVI_TICKET: usize = 20;
pub(crate) const RAIL_SERVICE: usize = 21;
pub(crate) const RAIL_TICKET: usize = 22;
pub(crate) const ROAD_SERVICE: usize = 23;
pub(crate) const ROAD_TICKET: usize = 24;
pub(crate) const PRT_SECTION: usize = 25;
pub(crate) const PRT_BID: usize = 26;
pub(crate) const POOL_PERMIT: usize = 27;
pub(crate) const POOL_PENALTY: usize = 28;
pub(crate) const POOL_BLACKLIST: usize = 29;
pub(crate) const POOL_ABNORMAL: usize = 30;
pub(crate) const POOL_TAX_MONTH: usize = 31;
pub(crate) const POOL_SI_MONTH: usize = 32;
pub(crate) const POOL_HF_MONTH: usize = 33;
pub(crate) const POOL_LOAN: usize = 34;
pub(crate) const POOL_PROJECT: usize = 35;
pub(crate) const POOL_PROJECT_STEP: usize = 36;
pub(crate) const POOL_PROJECT_MONTH: usize = 37;
pub(crate) const POOL_GOV_ITEM: usize = 38;
pub(crate) const POOL_GOV_CASE: usize = 39;
pub(crate) const POOL_POV_HOUSEHOLD: usize = 40;
pub(crate) const POOL_POV_MEMBER: usize = 41;
pub(crate) const POOL_POV_INCOME: usize = 42;
pub(crate) const POOL_POV_MEASURE: usize = 43;
pub(crate) const POOL_MEDICAL_BILL: usize = 44;
pub(crate) const POOL_EPI_CASE: usize = 45;
pub(crate) const POOL_EPI_TEST: usize = 46;
pub(crate) const POOL_INVEST_LEAD: usize = 47;

/// Water, power, gas.
pub(crate) const ACCOUNTS: [usize; 3] = [WATER_ACCOUNT, POWER_ACCOUNT, GAS_ACCOUNT];
pub(crate) const READINGS: [usize; 3] = [WATER_READING, POWER_READING, GAS_READING];
pub(crate) const BILLS: [usize; 3] = [WATER_BILL, POWER_BILL, GAS_BILL];
/// Flights, trains, coaches.
pub(crate) const SERVICES: [usize; 3] = [AVI_SERVICE, RAIL_SERVICE, ROAD_SERVICE];
pub(crate) const TICKETS: [usize; 3] = [AVI_TICKET, RAIL_TICKET, ROAD_TICKET];

pub(crate) const COUNT: usize = 48;

/// The dataset of an index.
pub(crate) fn dataset(index: usize) -> &'static Dataset {
    match index {
        ..WATER_ACCOUNT => &base::DATASETS[index],
        WATER_ACCOUNT..POOL_PERMIT => &feed::DATASETS[index - WATER_ACCOUNT],
        _ => &pool::DATASETS[index - POOL_PERMIT],
    }
}

/// All datasets, in order.
pub(crate) fn datasets() -> impl Iterator<Item = &'static Dataset> {
    (0..COUNT).map(dataset)
}
