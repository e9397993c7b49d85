//! Public resource trading: sections and the bids for them.

use crate::authorities::{Authority, BUILDING, HEALTH, LAND, TRANSPORT};
use crate::calendar::{DAY_US, Day, HOUR_US, Micros, day_at, midnight};
use crate::fields::{PRT_BID, PRT_SECTION};
use crate::firms;
use crate::places::COUNTIES;
use crate::row::{NULL, Row, date, flag, instant, text, wan};
use crate::stream::{City, due};

/// Share of the units that have a section.
const SHARE: f64 = 0.6;

static BUYERS: [&Authority; 4] = [&BUILDING, &HEALTH, &LAND, &TRANSPORT];

impl City {
    /// A section of a unit with its bids; the first of the lowest wins.
    pub(crate) fn load_section(&mut self, unit: u32) {
        if !due(unit, SHARE) {
            return;
        }
        let project = self.projects.back().cloned().filter(|_| self.flow.chance(0.4));
        let county = project.as_ref().map_or(self.flow.index(COUNTIES.len()), |of| of.county);
        let notice: Micros = midnight(self.loaded - self.flow.days(45, 600)) + 10 * HOUR_US;
        let opened = notice + self.flow.between(20, 30) * DAY_US;
        let status = match self.flow.below(10) {
            _ if unit == 0 => "3",
            0 => "1",
            1 => "2",
            2 => "4",
            _ => "3",
        };
        let control = self.flow.between(50, 20_000);
        let year = crate::calendar::date_text(day_at(notice));
        let (project_no, kind) = (format!("CQGGZY{}{unit:07}", &year[..4]), ["A", "D"]);
        let section_no = format!("{project_no}-{:02}", 1);
        let buyer = self.flow.pick(&BUYERS);
        let name = format!("{}{}", COUNTIES[county].name, self.flow.pick(&GOODS));
        let row = Row::new(
            PRT_SECTION,
            vec![
                text(section_no.clone()),
                text(project_no),
                project.as_ref().map_or(NULL, |of| text(of.code.clone())),
                text(name),
                text(if project.is_some() { "A" } else { self.flow.pick(&kind) }),
                text(project.map_or(buyer.code().to_owned(), |of| of.owner)),
                wan(control * 10_000),
                instant(notice),
                if status == "1" { NULL } else { instant(opened) },
                text(COUNTIES[county].code),
                text(status),
                instant(if status == "1" { notice } else { opened + 3 * DAY_US }),
            ],
        );
        self.load(row, if status == "1" { notice } else { opened + 3 * DAY_US });
        if status != "1" {
            self.load_bids(&section_no, control, opened, status == "3");
        }
    }

    /// Bids of different firms, of which one wins if the section was awarded.
    fn load_bids(&mut self, section_no: &str, control: i64, opened: Micros, is_awarded: bool) {
        let count = usize::try_from(self.flow.between(3, 7)).expect("at most 7");
        let count = count.min(self.firms.len());
        let first = self.flow.index(self.firms.len());
        let winner = self.flow.index(count);
        for place in 0..count {
            let firm = u32::try_from((first + place) % self.firms.len()).expect("a firm");
            let bidder = firms::identity(self.world, firm);
            let price = control * self.flow.between(7_000, 9_999);
            let wins = is_awarded && place == winner;
            let bid = opened - self.flow.between(HOUR_US, 5 * DAY_US);
            let awarded: Option<Day> = wins.then(|| day_at(opened) + 3);
            let at = if is_awarded { opened + 3 * DAY_US } else { bid };
            let row = Row::new(
                PRT_BID,
                vec![
                    text(section_no.to_owned()),
                    text(bidder.uscc),
                    wan(price),
                    instant(bid),
                    flag(wins),
                    if wins { wan(price) } else { NULL },
                    awarded.map_or(NULL, date),
                    instant(at),
                ],
            );
            self.load(row, at);
        }
    }
}

const GOODS: [&str; 6] = [
    "道路整治工程施工",
    "医疗设备采购",
    "学校改扩建工程",
    "信息系统建设服务",
    "污水管网改造工程",
    "国有建设用地使用权出让",
];
