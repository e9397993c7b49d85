//! Government services: what can be applied for, and the cases of residents and firms.

use crate::authorities::{
    Authority, BUILDING, ECOLOGY, GAS, HEALTH, LABOUR, LAND, MARKET, POLICE, POWER, REFORM,
    TRANSPORT, WATER,
};
use crate::calendar::{DAY_US, HOUR_US, Micros, midnight};
use crate::dice::World;
use crate::fields::{POOL_GOV_CASE, POOL_GOV_ITEM};
use crate::places::COUNTIES;
use crate::row::{NULL, Row, flag, instant, int, maybe_instant, text};
use crate::stream::{City, Holder, next_number};

const ITEM: u64 = 0x6974_656d;

/// Name, type and department of an item; the first are of every day, the rest of projects.
struct Item(&'static str, &'static str, &'static Authority);

static ITEMS: [Item; 21] = [
    Item("企业设立登记", "01", &MARKET),
    Item("个体工商户设立登记", "01", &MARKET),
    Item("食品经营许可", "01", &MARKET),
    Item("低压用电报装", "20", &POWER),
    Item("用水报装", "20", &WATER),
    Item("用气报装", "20", &GAS),
    Item("不动产转移登记", "07", &LAND),
    Item("户口迁移", "07", &POLICE),
    Item("居住证核发", "07", &POLICE),
    Item("社会保险登记", "20", &LABOUR),
    Item("医师执业注册", "01", &HEALTH),
    Item("道路运输经营许可", "01", &TRANSPORT),
    Item("企业投资项目备案", "10", &REFORM),
    Item("建设项目用地预审与选址意见书核发", "01", &LAND),
    Item("建设用地规划许可证核发", "01", &LAND),
    Item("建设工程规划许可证核发", "01", &LAND),
    Item("建设项目环境影响评价审批", "01", &ECOLOGY),
    Item("施工图设计文件审查情况备案", "10", &BUILDING),
    Item("建筑工程施工许可证核发", "01", &BUILDING),
    Item("房屋建筑工程竣工联合验收", "10", &BUILDING),
    Item("建设工程城建档案验收", "07", &BUILDING),
];

/// Items that residents and firms apply for; the others belong to projects.
const DAILY: usize = 12;

/// Stage and item of the steps of a project, in order.
pub(crate) const STEP_ITEMS: [(&str, usize); 9] = [
    ("1", 12),
    ("1", 13),
    ("1", 14),
    ("2", 15),
    ("2", 16),
    ("3", 17),
    ("3", 18),
    ("4", 19),
    ("4", 20),
];

/// Code of an item: the department's credit code, level 2, twelve digits.
pub(crate) fn item_code(item: usize) -> String {
    format!("{}2{:012}", item_dept(item).code(), 117_000 + 1_001 * item)
}

pub(crate) fn item_dept(item: usize) -> &'static Authority {
    ITEMS[item].2
}

/// Working days by law, and those that are promised.
fn limits(world: World, item: usize) -> (i64, i64) {
    let mut dice = world.dice(&[ITEM, item as u64]);
    let statutory = dice.pick(&[5, 10, 15, 20]);
    (statutory, dice.between(1, statutory))
}

pub(crate) fn promise(world: World, item: usize) -> i64 {
    limits(world, item).1
}

impl City {
    /// All items, with the first unit.
    pub(crate) fn load_items(&mut self, unit: u32) {
        if unit > 0 {
            return;
        }
        for (item, Item(name, kind, dept)) in ITEMS.iter().enumerate() {
            let mut dice = self.world.dice(&[ITEM, item as u64, 1]);
            let (statutory, promised) = limits(self.world, item);
            let at = midnight(self.loaded - dice.days(100, 900)) + 9 * HOUR_US;
            let row = Row::new(
                POOL_GOV_ITEM,
                vec![
                    text(item_code(item)),
                    text(*name),
                    text(*kind),
                    text("2"),
                    text(dept.code()),
                    text("500000"),
                    int(statutory),
                    int(promised),
                    int(dice.between(0, 2)),
                    text(dice.pick(&["2", "3", "4", "4"])),
                    flag(true),
                    instant(at),
                ],
            );
            self.load(row, at);
        }
    }

    /// Cases of a unit.
    pub(crate) fn load_cases(&mut self, unit: u32) {
        for place in 0..self.flow.between(6, 12) {
            let (kind, holder) = if self.flow.chance(0.35) {
                ("2", Holder::Firm(next_number(self.firms.len()) - 1))
            } else {
                ("1", Holder::Person(self.any_adult()))
            };
            let named = self.named(holder);
            let item = self.flow.index(DAILY);
            let applied: Micros = midnight(self.loaded) - self.flow.between(HOUR_US, 300 * DAY_US);
            let before = |at: Micros, loaded| (at < midnight(loaded)).then_some(at);
            let accepted = before(applied + self.flow.between(0, 2 * DAY_US), self.loaded);
            let used = self.flow.between(HOUR_US, (promise(self.world, item) + 2) * DAY_US);
            let finished = accepted.and_then(|at| before(at + used, self.loaded));
            let result =
                if self.flow.chance(0.93) { "1" } else { self.flow.pick(&["2", "3", "4"]) };
            let at = finished.or(accepted).unwrap_or(applied);
            let is_rated = finished.is_some() && self.flow.chance(0.4);
            let row = Row::new(
                POOL_GOV_CASE,
                vec![
                    text(format!("YKB{unit:08}{place:02}")),
                    text(item_code(item)),
                    text(kind),
                    text(named.code),
                    instant(applied),
                    maybe_instant(accepted),
                    maybe_instant(finished),
                    int(if self.flow.chance(0.05) { 3 } else { 0 }),
                    if finished.is_some() { text(result) } else { NULL },
                    text(self.flow.pick(&["1", "2", "2", "3", "4", "5"])),
                    text(COUNTIES[named.county].code),
                    if is_rated { int(self.flow.pick(&[5, 5, 5, 4, 2])) } else { NULL },
                    int(self.flow.between(0, 3)),
                    instant(at),
                ],
            );
            self.load(row, at);
        }
    }
}
