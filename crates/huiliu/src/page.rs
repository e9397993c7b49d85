//! The status page: one document without anything to fetch, drawn from the [`Report`].
//!
//! It is whole without scripts (it asks to be loaded again); with them it is drawn anew when
//! `/statusz` has something new. Every value passes through [`Safe`], and the content policy
//! admits no script but the one with this answer's nonce.

mod html;
mod words;

pub use words::Language;

use crate::obstacle::Obstacle;
use crate::report::{DatasetReport, IncidentReport, Report, Standing, SubjectReport};
use crate::view::grouped;
use html::Safe;
use std::fmt::{self, Write};
use std::hash::{BuildHasher, Hasher, RandomState};

const STYLE: &str = include_str!("page/style.css");
const POLL: &str = include_str!("page/poll.js");
/// Seconds after which a browser without scripts loads the page again.
const RELOAD_S: u32 = 15;

/// The page and the policy it is to be served with.
pub struct Page {
    pub html: String,
    pub policy: String,
}

/// What the page says beside the report.
pub struct Now<'a> {
    pub ready: bool,
    /// What is in the way.
    pub reasons: &'a [Obstacle],
}

/// Draws the page.
pub fn draw(report: &Report, now: &Now<'_>, language: Language) -> Page {
    let nonce = nonce();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let mut html = String::with_capacity(64 * 1024);
    let pen = Pen { report, now, language, nonce: &nonce };
    // Writing to a String does not fail.
    let _ = pen.page(&mut html);
    Page { html, policy }
}

/// 128 bits that nobody can guess: the standard library seeds its hashers from the system.
fn nonce() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

struct Pen<'a> {
    report: &'a Report,
    now: &'a Now<'a>,
    language: Language,
    nonce: &'a str,
}

impl Pen<'_> {
    fn say<'a>(&self, chinese: &'a str, english: &'a str) -> &'a str {
        self.language.pick(chinese, english)
    }

    fn page(&self, out: &mut String) -> fmt::Result {
        let (tag, nonce) = (self.language.tag(), self.nonce);
        let title = self.say("汇流 · 运行状态", "huiliu · status");
        write!(
            out,
            "<!doctype html>\n<html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><link rel=\"icon\" href=\"data:,\">\
             <noscript><meta http-equiv=\"refresh\" content=\"{RELOAD_S}\"></noscript>\
             <style nonce=\"{nonce}\">{STYLE}</style></head><body>\n"
        )?;
        let (other, name) = match self.language {
            Language::Chinese => ("en", "English"),
            Language::English => ("zh", "中文"),
        };
        write!(
            out,
            "<header><h1>{title}</h1><span class=\"soft\">{}</span>\
             <nav><a href=\"?lang={other}\" hreflang=\"{other}\">{name}</a></nav></header>\n",
            Safe(&self.report.lake)
        )?;
        write!(out, "<main data-at=\"{}\">", Safe(&self.report.at))?;
        self.verdict(out)?;
        self.incidents(out)?;
        self.doing(out)?;
        self.datasets(out)?;
        self.subjects(out)?;
        out.push_str("</main>\n");
        self.foot(out)
    }

    fn verdict(&self, out: &mut String) -> fmt::Result {
        let report = self.report;
        let standings = report.datasets.iter().map(|d| d.standing);
        let standings: Vec<_> =
            standings.chain(report.subjects.iter().map(|s| s.standing)).collect();
        let bad = |s: &&Standing| !matches!(s, Standing::Fresh | Standing::Elsewhere);
        let late = standings.iter().filter(bad).count();
        let fresh = standings.iter().filter(|s| **s == Standing::Fresh).count();
        let (class, words) = if !self.now.ready {
            ("blocked", self.say("未就绪", "Not ready"))
        } else if late > 0 || !report.incidents.is_empty() {
            ("late", self.say("需要关注", "Needs attention"))
        } else {
            ("fresh", self.say("一切新鲜", "Everything is fresh"))
        };
        write!(out, "<p class=\"verdict\"><span class=\"state {class}\">{words}</span></p>")?;
        for obstacle in self.now.reasons {
            let (what, why) = match self.language {
                Language::Chinese => obstacle.chinese(),
                Language::English => (obstacle.what.as_str(), obstacle.why.clone()),
            };
            write!(out, "<p class=\"soft\">{}: {}</p>", Safe(what), Safe(&why))?;
        }
        let lag: i64 = report.datasets.iter().filter_map(|d| d.line.lag_records).sum();
        let rate: f64 = report.datasets.iter().map(|d| d.records_per_second).sum();
        let partitions = report.partitions.map_or("–".to_owned(), grouped);
        let cards = [
            (self.say("新鲜的表", "fresh"), format!("{fresh} / {}", standings.len())),
            (self.say("延迟或停止", "late or stopped"), late.to_string()),
            (self.say("待入湖记录", "records waiting"), count(lag)),
            (self.say("记录/秒", "records/s"), format!("{rate:.0}")),
            (self.say("本进程读取的分区", "partitions read here"), partitions),
        ];
        out.push_str("<div class=\"cards\">");
        for (name, value) in cards {
            write!(
                out,
                "<div class=\"card\"><b>{value}</b><span class=\"soft\">{name}</span></div>"
            )?;
        }
        out.push_str("</div>");
        Ok(())
    }

    fn incidents(&self, out: &mut String) -> fmt::Result {
        write!(out, "<h2>{}</h2>", self.say("待处理事件", "Incidents"))?;
        if self.report.incidents.is_empty() {
            let none = self.say("没有待处理的事件", "nothing waits for a person");
            return write!(out, "<p class=\"soft\">{none}</p>");
        }
        out.push_str("<ul>");
        for IncidentReport { what, why, why_zh, since, command, .. } in &self.report.incidents {
            let why = self.say(why_zh, why);
            write!(out, "<li class=\"incident\"><strong>{}</strong> {}", Safe(what), Safe(why))?;
            if let Some(since) = since {
                let word = self.say("自", "since");
                write!(out, " <span class=\"soft\">{word} {}</span>", Safe(since))?;
            }
            write!(out, "<code>{}</code></li>", Safe(command))?;
        }
        out.push_str("</ul>");
        Ok(())
    }

    fn doing(&self, out: &mut String) -> fmt::Result {
        write!(out, "<h2>{}</h2>", self.say("正在进行", "Under way"))?;
        let reading = self.report.datasets.iter().filter(|d| d.records_per_second > 0.0).count();
        let words = match (reading, self.language) {
            (0, Language::Chinese) => "没有新记录到达".to_owned(),
            (0, Language::English) => "no records are arriving".to_owned(),
            (n, Language::Chinese) => format!("{n} 个数据资源正在接收记录"),
            (n, Language::English) => format!("records are arriving for {n} datasets"),
        };
        write!(out, "<ul><li>{words}</li>")?;
        for doing in &self.report.doing {
            let (work, span) = (self.language.work(doing.work), self.language.span(doing.seconds));
            write!(
                out,
                "<li>{work} {} <span class=\"soft\">{span}</span></li>",
                Safe(&doing.what)
            )?;
        }
        out.push_str("</ul>");
        Ok(())
    }

    fn datasets(&self, out: &mut String) -> fmt::Result {
        write!(out, "<h2>{}</h2>", self.say("数据资源", "Datasets"))?;
        let heads = [
            (self.say("数据资源", "dataset"), ""),
            (self.say("状态", "state"), ""),
            (self.say("积压", "lag"), "n"),
            (self.say("已等待 / 承诺", "waiting / promised"), "n"),
            (self.say("记录/秒", "records/s"), "n"),
            (self.say("合格率(原始 → 修复)", "pass rate (as sent → repaired)"), "n"),
            (self.say("拒收", "rejects"), "n"),
            (self.say("最近提交", "last commit"), "n"),
        ];
        head(out, &heads)?;
        for dataset in &self.report.datasets {
            self.dataset(out, dataset, &heads)?;
        }
        out.push_str("</tbody></table></div>");
        Ok(())
    }

    fn dataset(&self, out: &mut String, d: &DatasetReport, heads: &[(&str, &str)]) -> fmt::Result {
        let line = &d.line;
        let waiting = d.waiting_seconds.map_or("–".to_owned(), |s| self.language.span(s));
        let rates = match (d.pass_rate_raw, d.pass_rate_repaired) {
            (Some(raw), Some(repaired)) => format!("{} → {}", percent(raw), percent(repaired)),
            _ => "–".to_owned(),
        };
        let (name, title) = (Safe(&line.dataset), Safe(&line.title));
        write!(out, "<tr><td>{name}<small>{title}</small></td>")?;
        let cells = [
            line.lag_records.map_or("–".to_owned(), count),
            format!("{waiting} / {}", self.language.span(d.warn_after_seconds)),
            format!("{:.0}", d.records_per_second),
            rates,
            count(line.rejected_rows),
            self.when(line.age_seconds),
        ];
        self.cells(out, d.standing, cells.iter(), heads)
    }

    fn subjects(&self, out: &mut String) -> fmt::Result {
        write!(out, "<h2>{}</h2>", self.say("专题表", "Subject tables"))?;
        let heads = [
            (self.say("专题表", "subject table"), ""),
            (self.say("状态", "state"), ""),
            (self.say("落后 / 承诺", "behind / promised"), "n"),
            (self.say("行数", "rows"), "n"),
            (self.say("版本", "version"), "n"),
            (self.say("最近构建", "last build"), "n"),
        ];
        head(out, &heads)?;
        for subject in &self.report.subjects {
            self.subject(out, subject, &heads)?;
        }
        out.push_str("</tbody></table></div>");
        for off in &self.report.off {
            let word = self.say("未启用", "is off");
            write!(out, "<p class=\"soft\">{} {word}: {}</p>", Safe(&off.subject), Safe(&off.why))?;
        }
        Ok(())
    }

    fn subject(&self, out: &mut String, s: &SubjectReport, heads: &[(&str, &str)]) -> fmt::Result {
        let title = self.language.pick(&s.title, &s.title_en);
        write!(out, "<tr><td>{}<small>{}</small>", Safe(&s.line.table), Safe(title))?;
        if let Some(failure) = &s.failure {
            write!(out, "<small class=\"blocked\">{}</small>", Safe(failure))?;
        }
        out.push_str("</td>");
        let behind = s.behind_seconds.map_or("–".to_owned(), |s| self.language.span(s));
        let cells = [
            format!("{behind} / {}", self.language.span(s.warn_after_seconds)),
            s.line.rows.map_or("–".to_owned(), count),
            s.line.version.map_or("–".to_owned(), |version| version.to_string()),
            self.when(s.line.age_seconds),
        ];
        self.cells(out, s.standing, cells.iter(), heads)
    }

    fn cells<'a>(
        &self,
        out: &mut String,
        standing: Standing,
        cells: impl Iterator<Item = &'a String>,
        heads: &[(&str, &str)],
    ) -> fmt::Result {
        let (class, word) = (class(standing), self.language.standing(standing));
        write!(out, "<td class=\"state {class}\" data-label=\"\">{word}</td>")?;
        for (text, (name, _)) in cells.zip(&heads[2..]) {
            write!(out, "<td class=\"n\" data-label=\"{name}\">{}</td>", Safe(text))?;
        }
        out.push_str("</tr>\n");
        Ok(())
    }

    fn when(&self, age_seconds: Option<i64>) -> String {
        let never = || self.say("从未", "never").to_owned();
        age_seconds.map_or_else(never, |seconds| self.language.ago(seconds))
    }

    fn foot(&self, out: &mut String) -> fmt::Result {
        let lost = self.say("进程没有应答,此页已过时", "the process does not answer: this is old");
        let note = self.say(
            "积压与等待按本进程读取的分区计算;合格率自进程启动起算。",
            "Lag and waiting are of the partitions this process reads, pass rates since it began.",
        );
        let report = self.report;
        write!(
            out,
            "<footer><p id=\"told\" class=\"stale\" hidden>{lost}</p><p>{note}</p>\
             <p>huiliu {} ({}) · {} · <a href=\"/statusz\">/statusz</a> \
             <a href=\"/metrics\">/metrics</a> <a href=\"/readyz\">/readyz</a></p></footer>\
             <script nonce=\"{}\">{POLL}</script></body></html>\n",
            Safe(report.version),
            Safe(report.revision),
            Safe(&report.at),
            self.nonce
        )
    }
}

fn head(out: &mut String, heads: &[(&str, &str)]) -> fmt::Result {
    out.push_str("<div class=\"table\"><table><thead><tr>");
    for (name, class) in heads {
        write!(out, "<th scope=\"col\" class=\"{class}\">{name}</th>")?;
    }
    out.push_str("</tr></thead><tbody>\n");
    Ok(())
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Stopped => "stopped",
        Standing::Blocked => "blocked",
        Standing::Overdue => "overdue",
        Standing::Late => "late",
        Standing::Fresh => "fresh",
        Standing::Elsewhere => "elsewhere",
    }
}

fn count(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}

/// A share with one digit, rounded down: 99.96 % is not 100 %.
fn percent(share: f64) -> String {
    format!("{:.1} %", (share * 1_000.0).floor() / 10.0)
}

#[cfg(test)]
mod tests;
