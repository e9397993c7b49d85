//! A scorecard as one HTML page, in Chinese and English, with bars drawn in SVG: it needs no
//! other file, no script and no network, so it can be mailed to a department and printed.

use crate::collection::State;
use crate::scorecard::{DepartmentCard, FieldCard, Scorecard};
use crate::{COLLECTION_GATE, Dimension, FIELD_GATE};
use std::fmt::Write;

/// Fields and resources that are shown; the rest is counted.
const SHOWN_MAX: usize = 40;

const STYLE: &str = "
body{font:15px/1.5 'Noto Sans SC','Source Han Sans SC',system-ui,sans-serif;color:#1c2430;
margin:2rem auto;max-width:72rem;padding:0 1rem}h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;
margin:2rem 0 .5rem}.sub{color:#667}.gates{display:flex;gap:1rem;flex-wrap:wrap;margin:1.2rem 0}
.gate{flex:1;min-width:17rem;border:1px solid #d8dde6;border-radius:10px;padding:1rem}
.gate b{font-size:2rem;display:block}.ok{color:#0a7a4b}.bad{color:#b3261e}.none{color:#667}
table{border-collapse:collapse;width:100%}th,td{padding:.35rem .5rem;border-bottom:1px solid
#e6e9ef;text-align:left;vertical-align:middle}th{font-weight:600;color:#445}td.n{text-align:right;
font-variant-numeric:tabular-nums}code{font-size:.9em}@media print{body{margin:0}}";

/// The page of a scorecard.
pub fn page(card: &Scorecard) -> String {
    let mut out = String::with_capacity(32 << 10);
    let period = escape(&card.period);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <title>数据质量 {period}</title><style>{STYLE}</style></head><body>\
         <h1>数据质量报告 · Data quality</h1><div class=\"sub\">{period}</div>"
    );
    gates(card, &mut out);
    departments(&card.departments, &mut out);
    fields(&card.fields, &mut out);
    resources(card, &mut out);
    out.push_str("</body></html>\n");
    out
}

fn gates(card: &Scorecard, out: &mut String) {
    let collection = &card.collection;
    out.push_str("<div class=\"gates\">");
    gate(
        out,
        "归集率 · collection",
        (collection.collection_rate, collection.gate_passed, COLLECTION_GATE),
        &format!("{} / {} 项资源 resources", collection.collected, collection.responsible),
    );
    let cells = card.cells;
    gate(
        out,
        "字段合格率 · fields that pass, as delivered",
        (card.field_pass_rate, card.field_gate_passed, FIELD_GATE),
        &format!(
            "{} / {} 个值 cells; 修复后 after repair {}",
            cells.passed_raw,
            cells.checked,
            percent(card.field_pass_rate_repaired)
        ),
    );
    gate(
        out,
        "整行合格率 · rows that pass",
        (card.row_pass_rate, None, 0.0),
        &format!("≥ 95 % 的字段 fields: {}", percent(card.field_share)),
    );
    out.push_str("</div>");
}

fn gate(
    out: &mut String,
    title: &str,
    (rate, passed, limit): (Option<f64>, Option<bool>, f64),
    detail: &str,
) {
    let (class, word) = match passed {
        Some(true) => ("ok", "达标 passed"),
        Some(false) => ("bad", "未达标 failed"),
        None => ("none", ""),
    };
    let demand =
        if limit > 0.0 { format!("&gt; {} · ", percent(Some(limit))) } else { String::new() };
    let _ = write!(
        out,
        "<div class=\"gate\">{title}<b class=\"{class}\">{}</b>\
         <span class=\"{class}\">{word}</span> {}<div class=\"sub\">{demand}{detail}</div></div>",
        percent(rate),
        bar(rate, limit, 220),
    );
}

fn departments(cards: &[DepartmentCard], out: &mut String) {
    out.push_str(
        "<h2>部门 · Departments, worst first</h2><table><tr><th>部门</th><th></th>\
         <th>字段合格率</th><th></th><th>修复后</th><th>整行</th>",
    );
    for dimension in Dimension::ALL {
        let _ = write!(out, "<th>{}</th>", dimension.names().0);
    }
    out.push_str("</tr>");
    for card in cards {
        let code = if card.department.is_empty() { "—" } else { &card.department };
        let _ = write!(
            out,
            "<tr><td><code>{}</code></td><td>{}</td><td class=\"n\">{}</td><td>{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td>",
            escape(code),
            escape(&card.title),
            percent(card.field_pass_rate),
            bar(card.field_pass_rate, FIELD_GATE, 120),
            percent(card.field_pass_rate_repaired),
            percent(card.row_pass_rate),
        );
        for dimension in Dimension::ALL {
            let share = card.dimensions.get(&dimension).copied().flatten();
            let _ = write!(out, "<td class=\"n\">{}</td>", percent(share));
        }
        out.push_str("</tr>");
    }
    out.push_str("</table>");
}

fn fields(cards: &[FieldCard], out: &mut String) {
    out.push_str(
        "<h2>字段 · Fields, worst first</h2><table><tr><th>数据资源</th><th>字段</th>\
         <th></th><th>部门</th><th>检查</th><th>合格率</th><th></th><th>修复后</th>\
         <th>问题 findings</th></tr>",
    );
    for card in cards.iter().take(SHOWN_MAX) {
        let findings: Vec<String> =
            card.findings.iter().take(4).map(|(rule, n)| format!("{} {n}", escape(rule))).collect();
        let _ = write!(
            out,
            "<tr><td><code>{}</code></td><td><code>{}</code></td><td>{}</td><td><code>{}</code>\
             </td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td>\
             <td>{}</td></tr>",
            escape(&card.dataset),
            escape(&card.field),
            escape(&card.title),
            escape(&card.department),
            card.cells.checked,
            percent(card.pass_rate),
            bar(card.pass_rate, FIELD_GATE, 100),
            percent(card.pass_rate_repaired),
            findings.join(", "),
        );
    }
    out.push_str("</table>");
    rest(cards.len(), out);
}

fn resources(card: &Scorecard, out: &mut String) {
    out.push_str(
        "<h2>归集 · Resources owed</h2><table><tr><th>部门</th><th>资源</th><th></th>\
         <th>状态</th><th>周期 on time / due</th><th>最近 last</th></tr>",
    );
    for held in card.resources.iter().take(SHOWN_MAX) {
        let (zh, en) = held.state.names();
        let class = if held.state == State::Collected { "ok" } else { "bad" };
        let last = held.last_delivery.map_or_else(|| "—".to_owned(), |day| day.to_string());
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td class=\"{class}\">{zh} {en}\
             </td><td class=\"n\">{} / {}</td><td>{last}</td></tr>",
            escape(&held.department),
            escape(&held.title),
            escape(held.dataset.as_deref().unwrap_or("—")),
            held.cycles_on_time,
            held.cycles_due,
        );
    }
    out.push_str("</table>");
    rest(card.resources.len(), out);
}

fn rest(count: usize, out: &mut String) {
    if count > SHOWN_MAX {
        let _ = write!(out, "<p class=\"sub\">… {} more that are better</p>", count - SHOWN_MAX);
    }
}

/// A bar of a share with a mark at the limit; `width` in pixels.
fn bar(share: Option<f64>, limit: f64, width: u32) -> String {
    let Some(share) = share else { return String::new() };
    let full = f64::from(width);
    let colour = if limit > 0.0 && share <= limit { "#c5473d" } else { "#2a8a5f" };
    let mark = if limit > 0.0 {
        let x = full * limit;
        format!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"12\" stroke=\"#1c2430\"/>")
    } else {
        String::new()
    };
    format!(
        "<svg width=\"{width}\" height=\"12\" role=\"img\" aria-label=\"{}\"><rect \
         width=\"{width}\" height=\"12\" rx=\"3\" fill=\"#e8ebf1\"/><rect \
         width=\"{:.1}\" height=\"12\" rx=\"3\" fill=\"{colour}\"/>{mark}</svg>",
        percent(Some(share)),
        full * share.clamp(0.0, 1.0),
    )
}

/// A share in per cent, cut rather than rounded so that 94.999 % is not shown as 95 %.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "—".to_owned(), |share| format!("{:.2} %", (share * 1e4).floor() / 1e2))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_cut_and_texts_are_escaped() {
        assert_eq!(percent(Some(0.949_999)), "94.99 %");
        assert_eq!(percent(Some(1.0)), "100.00 %");
        assert_eq!(percent(None), "—");
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert!(bar(Some(0.5), 0.8, 100).contains("width=\"50.0\""));
    }
}
