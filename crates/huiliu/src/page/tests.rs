//! The page under hostile values, in both languages.

use super::*;
use crate::activity::{Doing, Work};
use crate::commands::status::{DatasetLine, OffLine, SubjectLine};
use crate::obstacle::Code;
use std::collections::BTreeMap;

const HOSTILE: &str = "</td></main><script>alert(1)</script><img src=x onerror='alert(2)'>\"&";

fn report() -> Report {
    let hostile = || HOSTILE.to_owned();
    let line = DatasetLine {
        dataset: hostile(),
        title: hostile(),
        current_rows: 1,
        changes_rows: 2,
        pending_rows: 3,
        rejected_rows: 1_234,
        lag_records: Some(56_789),
        last_commit: Some(hostile()),
        age_seconds: Some(90),
        changes_version: 1,
        folded_version: 1,
        size_bytes: 1,
        progress: BTreeMap::new(),
        stopped: None,
        layouts: Default::default(),
    };
    let dataset = DatasetReport {
        line,
        standing: Standing::Late,
        waiting_seconds: Some(300),
        warn_after_seconds: 60,
        page_after_seconds: 600,
        records_per_second: 12.4,
        pass_rate_raw: Some(0.99996),
        pass_rate_repaired: Some(1.0),
    };
    let subject = SubjectReport {
        line: SubjectLine {
            table: hostile(),
            rows: Some(7),
            last_build: Some(hostile()),
            age_seconds: Some(10),
            version: Some(4),
            size_bytes: Some(1),
            build: serde_json::Value::Null,
            layout: None,
        },
        title: hostile(),
        title_en: hostile(),
        standing: Standing::Blocked,
        behind_seconds: Some(3),
        warn_after_seconds: 60,
        page_after_seconds: 600,
        failure: Some(hostile()),
    };
    let incident = IncidentReport {
        what: hostile(),
        kind: crate::incident::Kind::Rejects,
        why: hostile(),
        why_zh: hostile(),
        since: Some(hostile()),
        command: hostile(),
    };
    Report {
        lake: hostile(),
        at: hostile(),
        partitions: Some(4),
        datasets: vec![dataset],
        subjects: vec![subject],
        incidents: vec![incident],
        doing: vec![Doing { work: Work::Fold, what: hostile(), seconds: 5 }],
        off: vec![OffLine { subject: hostile(), why: hostile(), tables_left: 0 }],
        ..Report::default()
    }
}

fn page(language: Language) -> Page {
    let reasons = [Obstacle::new(HOSTILE, Code::LakeUnavailable, HOSTILE)];
    draw(&report(), &Now { ready: false, reasons: &reasons }, language)
}

#[test]
fn hostile_values_stay_text() {
    for language in [Language::Chinese, Language::English] {
        let Page { html, policy } = page(language);
        assert!(!html.contains("<img"), "an element of a value");
        assert_eq!(html.matches("<script").count(), 1, "the page's own script alone");
        assert_eq!(html.matches("</main>").count(), 2, "its end, and where the script names it");
        let shown = html.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
        assert_eq!(shown, 17, "every value is shown, as text");
        let nonce = policy.split('\'').find(|part| part.starts_with("nonce-")).expect("a nonce");
        let attribute = format!("nonce=\"{}\"", nonce.trim_start_matches("nonce-"));
        assert_eq!(html.matches(&attribute).count(), 2, "style and script");
    }
}

#[test]
fn every_answer_has_a_nonce_of_its_own() {
    assert_ne!(page(Language::English).policy, page(Language::English).policy);
}

#[test]
fn figures_are_told_in_the_language() {
    let english = page(Language::English).html;
    for text in ["lang=\"en\"", "56,789", "5 min / 60 s", "99.9 % → 100.0 %", "late", "Not ready"]
    {
        assert!(english.contains(text), "{text}");
    }
    let chinese = page(Language::Chinese).html;
    for text in ["lang=\"zh-CN\"", "5 分钟 / 60 秒", "延迟", "未就绪", "正在合并当前表"]
    {
        assert!(chinese.contains(text), "{text}");
    }
}

#[test]
fn incidents_and_obstacles_are_told_in_the_language() {
    let mut report = report();
    report.incidents[0].why = "27.3% of its last 10000 records were rejected".into();
    report.incidents[0].why_zh = "拒收记录超过上限".into();
    let reasons = [Obstacle::new("lake", Code::Starting, "starting")];
    let now = Now { ready: false, reasons: &reasons };
    let chinese = draw(&report, &now, Language::Chinese).html;
    assert!(chinese.contains("拒收记录超过上限") && chinese.contains("数据湖: 正在启动"));
    assert!(!chinese.contains("were rejected"), "{chinese}");
    let english = draw(&report, &now, Language::English).html;
    assert!(english.contains("were rejected") && english.contains("lake: starting"));
}
