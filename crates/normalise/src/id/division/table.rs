//! The tables behind the division rules, read once from the files in `data/`.
//!
//! `gb2260_codes.csv` lists every six-digit code met in any year (sources in `data/README.md`);
//! `cq_divisions_history.csv` has Chongqing's codes with their years and successors;
//! `cq_counties_2020.csv` refines the day a code ended; `cq_streets_2023.csv` has the streets and
//! towns; `cq_development_zones.csv` the project's own codes of zones that have none.

mod place;

pub use place::Level;

use crate::date;
use std::sync::OnceLock;

const KNOWN_CODES: &str = include_str!("../../../data/gb2260_codes.csv");
const HISTORY: &str = include_str!("../../../data/cq_divisions_history.csv");
const COUNTIES: &str = include_str!("../../../data/cq_counties_2020.csv");
const STREETS: &str = include_str!("../../../data/cq_streets_2023.csv");
const ZONES: &str = include_str!("../../../data/cq_development_zones.csv");

/// A record without a date is judged by the world of the founding letter: what ended before this
/// day is historic.
const LETTER_DAY: i32 = date::days_from_civil(2020, 1, 1);

/// First two digits of the provinces of GB/T 2260, as a set of bits.
const PROVINCES: u128 = {
    let codes = [
        11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51,
        52, 53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83,
    ];
    let (mut set, mut i) = (0, 0);
    while i < codes.len() {
        set |= 1 << codes[i];
        i += 1;
    }
    set
};

/// A span of time in which a code of Chongqing was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    pub code: u32,
    pub name: &'static str,
    /// First and last day in days since 1970-01-01; `None` if not known or still in force.
    pub first: Option<i32>,
    pub last: Option<i32>,
    pub successor: Option<u32>,
}

impl Period {
    /// Whether the period and the days `start` to `end` have a day in common.
    fn meets(&self, start: i32, end: i32) -> bool {
        self.first.is_none_or(|first| first <= end) && self.last.is_none_or(|last| last >= start)
    }
}

/// Chongqing's codes lie in 500000 to 519999: its own and those it had as a part of Sichuan.
const FIRST_CODE: u32 = 500_000;
const CODE_COUNT: usize = 20_000;

/// What is known about divisions.
#[derive(Debug)]
pub struct Divisions {
    /// One bit per six-digit number.
    known: Vec<u64>,
    /// Chongqing only, by code.
    periods: Vec<Period>,
    /// Where the periods of a code begin and end, by the distance from [`FIRST_CODE`].
    spans: Vec<(u8, u8)>,
    /// Nine-digit codes with their names, ascending.
    streets: Vec<(u32, &'static str)>,
    /// Names of counties with their codes as text.
    names: Vec<(&'static str, &'static str)>,
    /// Codes of development zones with their names.
    zones: Vec<(&'static str, &'static str)>,
}

/// The one table, read when first asked for.
pub fn table() -> &'static Divisions {
    static TABLE: OnceLock<Divisions> = OnceLock::new();
    TABLE.get_or_init(Divisions::read)
}

impl Divisions {
    /// Whether the six-digit code was in GB/T 2260 in any year (100000 is the nation).
    pub fn is_known(&self, code: u32) -> bool {
        let index = usize::try_from(code).unwrap_or(usize::MAX);
        self.known.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Whether two digits are the code of a province.
    pub fn is_province(&self, code: u32) -> bool {
        code < 100 && PROVINCES >> code & 1 == 1
    }

    /// Whether a code of Chongqing was in force in some part of `year`; `None` for other codes.
    pub fn was_in_force_in(&self, code: u32, year: i32) -> Option<bool> {
        let periods = self.periods_of(code);
        if periods.is_empty() {
            return None;
        }
        let (start, end) = (date::days_from_civil(year, 1, 1), date::days_from_civil(year, 12, 31));
        Some(periods.iter().any(|period| period.meets(start, end)))
    }

    /// Whether a code of Chongqing was no longer in force on `day` (or in 2020 if not given).
    pub fn has_ended(&self, code: u32, day: Option<i32>) -> bool {
        let day = day.unwrap_or(LETTER_DAY);
        let periods = self.periods_of(code);
        !periods.is_empty() && periods.iter().all(|p| p.last.is_some_and(|last| last < day))
    }

    /// The code in force on `as_of` that a code of Chongqing became; `None` if none is known.
    pub fn roll_up(&self, code: u32, as_of: i32) -> Option<u32> {
        let mut code = code;
        // A chain has at most a handful of links; a bound keeps a loop in the data harmless.
        for _ in 0..8 {
            let periods = self.periods_of(code);
            if periods.iter().any(|period| period.meets(as_of, as_of)) {
                return Some(code);
            }
            let ended = periods.iter().rfind(|p| p.last.is_some_and(|last| last < as_of))?;
            code = ended.successor.filter(|next| *next != code)?;
        }
        None
    }

    /// Whether `code`, one of Chongqing, was succeeded by `later`, at once or by and by.
    pub fn became(&self, code: u32, later: u32) -> bool {
        let mut code = code;
        // As in `roll_up`.
        for _ in 0..8 {
            let next = self.periods_of(code).iter().rev().find_map(|period| period.successor);
            match next {
                Some(next) if next == later => return true,
                Some(next) if next != code => code = next,
                _ => return false,
            }
        }
        false
    }

    /// Whether the nine-digit code is a street or town of Chongqing.
    pub fn is_street(&self, code: u32) -> bool {
        self.street(code).is_some()
    }

    /// Whether the text is one of the project's codes of development zones.
    pub fn is_zone(&self, code: &[u8]) -> bool {
        self.zones.iter().any(|(zone, _)| zone.as_bytes() == code)
    }

    /// Code of a county of Chongqing by its name, with or without the city's name in front.
    pub fn by_name(&self, name: &str) -> Option<&'static str> {
        let county = name.strip_prefix("重庆市").unwrap_or(name);
        let county = if county.is_empty() { name } else { county };
        self.names.iter().find(|(known, _)| *known == county).map(|(_, code)| *code)
    }

    /// Names of the counties and zones of Chongqing in any year.
    pub fn county_names(&self) -> impl Iterator<Item = &'static str> {
        self.periods.iter().map(|p| p.name).chain(self.names.iter().map(|(name, _)| *name))
    }

    fn periods_of(&self, code: u32) -> &[Period] {
        let index = usize::try_from(code.wrapping_sub(FIRST_CODE)).unwrap_or(usize::MAX);
        let (start, end) = self.spans.get(index).copied().unwrap_or_default();
        self.periods.get(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    fn read() -> Self {
        let mut periods: Vec<Period> = rows(HISTORY).filter_map(period).collect();
        refine(&mut periods);
        periods.sort_by_key(|p| (p.code, p.first));
        let street = |row: Vec<&'static str>| Some((number(row.first()?)?, *row.get(2)?));
        let mut streets: Vec<_> = rows(STREETS).filter_map(street).collect();
        streets.sort_unstable();
        let mut names: Vec<_> =
            rows(COUNTIES).filter_map(|r| Some((*r.get(1)?, *r.first()?))).collect();
        names.push(("重庆市", "500000"));
        let zones = rows(ZONES).filter_map(|r| Some((*r.first()?, *r.get(1)?))).collect();
        let mut known = vec![0; 1_000_000_usize.div_ceil(64)];
        for code in known_codes().chain(periods.iter().map(|p| p.code)) {
            let index = usize::try_from(code).unwrap_or_default();
            if let Some(word) = known.get_mut(index / 64) {
                *word |= 1 << (index % 64);
            }
        }
        let spans = spans(&periods);
        Self { known, periods, spans, streets, names, zones }
    }
}

/// Days that a yearly table cannot say: a county that ended within a year, and the one it became.
fn refine(periods: &mut [Period]) {
    for row in rows(COUNTIES) {
        let code = row.first().and_then(|code| number(code));
        let last = row.get(4).and_then(|day| date::canonical_days(day.as_bytes()));
        let (Some(code), Some(last)) = (code, last) else { continue };
        let Some(ended) = periods.iter_mut().find(|p| p.code == code && p.last.is_some()) else {
            continue;
        };
        ended.last = Some(last);
        let successor = ended.successor;
        for next in periods.iter_mut().filter(|p| Some(p.code) == successor) {
            next.first = Some(last + 1);
        }
    }
}

/// Start and end of each code's periods; they are sorted by code.
fn spans(periods: &[Period]) -> Vec<(u8, u8)> {
    let mut spans = vec![(0, 0); CODE_COUNT];
    for (position, period) in (0_u8..).zip(periods) {
        let index = usize::try_from(period.code.wrapping_sub(FIRST_CODE)).unwrap_or(usize::MAX);
        if let Some((start, end)) = spans.get_mut(index) {
            if *end == 0 {
                *start = position;
            }
            *end = position + 1;
        }
    }
    spans
}

fn period(row: Vec<&'static str>) -> Option<Period> {
    let [code, name, _, from, to, successor, ..] = row[..] else { return None };
    let year = |text: &str| number(text).and_then(|year| i32::try_from(year).ok());
    Some(Period {
        code: number(code)?,
        name,
        first: year(from).map(|year| date::days_from_civil(year, 1, 1)),
        last: year(to).map(|year| date::days_from_civil(year, 12, 31)),
        successor: number(successor),
    })
}

/// Every code of GB/T 2260: a line has four digits and the endings behind them.
fn known_codes() -> impl Iterator<Item = u32> {
    rows(KNOWN_CODES).flat_map(|row| {
        let prefix = row.first().and_then(|prefix| number(prefix)).unwrap_or_default();
        let endings = row.get(1).copied().unwrap_or_default();
        endings.split(' ').filter_map(number).map(move |ending| prefix * 100 + ending)
    })
}

/// Rows of a CSV file without its header; none of these files quotes a cell.
fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}

fn number(text: &str) -> Option<u32> {
    super::digits(text.as_bytes())
}
