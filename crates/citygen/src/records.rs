//! What departments decide about firms and residents: permits, penalties, black lists, and the
//! list of abnormal operation.

use crate::authorities::{Authority, BUILDING, COURT, ECOLOGY, HEALTH, MARKET, TAX, TRANSPORT};
use crate::calendar::{Day, HOUR_US, Micros, date_of, midnight};
use crate::fields::{POOL_ABNORMAL, POOL_BLACKLIST, POOL_PENALTY, POOL_PERMIT};
use crate::firms;
use crate::row::{NULL, Row, Value, date, flag, instant, maybe_date, text, wan};
use crate::stream::{City, Holder, due};
use chrono::Datelike;

static DECIDERS: [&Authority; 5] = [&MARKET, &HEALTH, &BUILDING, &TRANSPORT, &ECOLOGY];

/// Someone a decision is about.
struct Subject {
    kind: &'static str,
    name: String,
    code: String,
    since: Day,
}

impl City {
    /// Decisions of a unit.
    pub(crate) fn load_records(&mut self, unit: u32) {
        if due(unit, 0.9) {
            self.load_permit(unit);
        }
        if due(unit, 0.4) {
            self.load_penalty(unit);
        }
        if due(unit, 0.3) {
            self.load_blacklist(unit);
        }
        if due(unit, 0.3) {
            self.load_abnormal();
        }
    }

    fn any_subject(&mut self) -> Subject {
        if self.flow.chance(0.75) {
            let firm = firms::identity(self.world, self.any_firm());
            let kind = firm.subject_type();
            return Subject { kind, name: firm.name, code: firm.uscc, since: firm.founded };
        }
        let person = self.any_adult();
        let named = self.named(Holder::Person(person));
        Subject { kind: "2", name: named.name, code: named.code, since: named.since }
    }

    /// A day on which a subject may have been decided about, and the time of its report.
    fn decided(&mut self, since: Day) -> (Day, Micros) {
        let earliest = since.max(self.loaded - 900);
        let day = earliest + self.flow.days(0, self.loaded - earliest - 1);
        (day, midnight(day) + self.flow.between(9 * HOUR_US, 17 * HOUR_US))
    }

    fn load_permit(&mut self, unit: u32) {
        let subject = self.any_subject();
        let authority = self.flow.pick(&DECIDERS);
        let (day, at) = self.decided(subject.since);
        let ends = self.flow.chance(0.7).then(|| day + 365 * self.flow.days(1, 5));
        let row = Row::new(
            POOL_PERMIT,
            vec![
                text(format!("渝许〔{}〕{unit:07}号", date_of(day).year())),
                text(authority.code()),
                text(subject.kind),
                text(subject.name),
                text(subject.code),
                text(self.flow.pick(&["食品经营许可", "施工许可", "道路运输许可", "排污许可"])),
                text(self.flow.pick(&["普通", "特许", "认可", "核准", "登记", "其他"])),
                date(day),
                date(day),
                maybe_date(ends),
                text(if ends.is_some_and(|end| end < self.loaded) { "2" } else { "1" }),
                instant(at),
            ],
        );
        self.load(row, at);
    }

    fn load_penalty(&mut self, unit: u32) {
        let subject = self.any_subject();
        let authority = self.flow.pick(&DECIDERS);
        let (day, at) = self.decided(subject.since);
        let kind = self.flow.pick(&["1", "2", "2", "2", "3", "4"]);
        let fine = if kind == "2" { wan(self.flow.between(500, 200_000)) } else { NULL };
        let takes: Value = if self.flow.chance(0.1) { wan(10_000) } else { NULL };
        let row = Row::new(
            POOL_PENALTY,
            vec![
                text(format!("渝罚〔{}〕{unit:07}号", date_of(day).year())),
                text(authority.code()),
                text(subject.kind),
                text(subject.name),
                text(subject.code),
                text(self.flow.pick(&FACTS)),
                text(kind),
                fine,
                takes,
                date(day),
                date(day + 365 * self.flow.days(1, 3)),
                flag(kind == "1" && self.flow.chance(0.5)),
                flag(self.flow.chance(0.03)),
                instant(at),
            ],
        );
        self.load(row, at);
    }

    fn load_blacklist(&mut self, unit: u32) {
        let (list, authority, reason): (_, &'static Authority, _) = self.flow.pick(&LISTS);
        let subject = self.any_subject();
        let (day, at) = self.decided(subject.since);
        let leaves = self.flow.chance(0.3).then(|| day + self.flow.days(30, 700));
        let left = leaves.filter(|leaves| *leaves < self.loaded);
        let row = Row::new(
            POOL_BLACKLIST,
            vec![
                text(list),
                text(subject.code),
                text(format!("({})渝执{unit:07}号", date_of(day).year())),
                text(subject.name),
                date(day),
                maybe_date(left),
                text(reason),
                text(authority.code()),
                instant(left.map_or(at, |left| midnight(left) + 18 * HOUR_US)),
            ],
        );
        self.load(row, left.map_or(at, |left| midnight(left) + 18 * HOUR_US));
    }

    fn load_abnormal(&mut self) {
        let firm = firms::identity(self.world, self.any_firm());
        let (day, at) = self.decided(firm.founded);
        let left = self.flow.chance(0.4).then(|| day + self.flow.days(10, 300));
        let left = left.filter(|left| *left < self.loaded);
        let at = left.map_or(at, |left| midnight(left) + 18 * HOUR_US);
        let row = Row::new(
            POOL_ABNORMAL,
            vec![
                text(firm.uscc),
                date(day),
                text(self.flow.pick(&["1", "1", "2", "3", "4"])),
                maybe_date(left),
                instant(at),
            ],
        );
        self.load(row, at);
    }
}

const FACTS: [&str; 5] = [
    "未按规定公示许可信息",
    "销售超过保质期的食品",
    "未取得施工许可擅自施工",
    "超过许可浓度排放污染物",
    "未按核定线路从事班线客运",
];

static LISTS: [(&str, &Authority, &str); 4] = [
    ("SXBZXR", &COURT, "有履行能力而拒不履行生效法律文书确定义务"),
    ("ZDSS", &TAX, "重大税收违法失信"),
    ("YZWF", &MARKET, "列入严重违法失信企业名单"),
    ("NMGGZ", &crate::authorities::LABOUR, "拖欠农民工工资"),
];
