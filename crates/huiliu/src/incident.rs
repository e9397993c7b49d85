//! What waits for a person, by kind, in Chinese: the table of texts of the status page.
//!
//! English texts come from where an incident arises, for logs and commands show them too. Names,
//! figures and the words of an error are the same in both.

use crate::commands::incidents::StoppedLine;
use serde::Serialize;

/// Kind of an incident: a closed set, by the labels under which metrics count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Rejects,
    FieldAdded,
    FieldDropped,
    FieldRetyped,
    FieldWidened,
    /// A stop whose reason can no longer be read.
    Unknown,
    OffsetExpired,
    OffsetBeyondEnd,
    SchemaRegistry,
    CheckFailed,
    Failed,
    Unavailable,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Rejects,
        Self::FieldAdded,
        Self::FieldDropped,
        Self::FieldRetyped,
        Self::FieldWidened,
        Self::Unknown,
        Self::OffsetExpired,
        Self::OffsetBeyondEnd,
        Self::SchemaRegistry,
        Self::CheckFailed,
        Self::Failed,
        Self::Unavailable,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Rejects => "rejects",
            Self::FieldAdded => "field_added",
            Self::FieldDropped => "field_dropped",
            Self::FieldRetyped => "field_retyped",
            Self::FieldWidened => "field_widened",
            Self::Unknown => "unknown",
            Self::OffsetExpired => "offset_expired",
            Self::OffsetBeyondEnd => "offset_beyond_end",
            Self::SchemaRegistry => "schema_registry",
            Self::CheckFailed => "check_failed",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
        }
    }

    /// The kind with this label.
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// What has happened.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Rejects => "拒收记录超过上限,已停止读取",
            Self::FieldAdded => "出现合约之外的字段,已停止读取",
            Self::FieldDropped => "合约中的字段不再出现,已停止读取",
            Self::FieldRetyped => "字段类型与合约不符,已停止读取",
            Self::FieldWidened => "字段取值超出合约范围,已停止读取",
            Self::Unknown => "已停止读取,日志中已查不到原因",
            Self::OffsetExpired => "所需记录在读取之前已被 Kafka 按保留期删除",
            Self::OffsetBeyondEnd => "Kafka 主题比已读取的进度更短:主题被重建或日志被截断",
            Self::SchemaRegistry => "模式注册中心没有应答,等待中",
            Self::CheckFailed => "数据检查未通过,保留上一个完好版本",
            Self::Failed => "刷新失败,保留上一个完好版本",
            Self::Unavailable => "数据湖或存储没有应答,稍后重试",
        }
    }
}

/// A stop in Chinese, with its figures.
pub fn stopped(line: &StoppedLine) -> String {
    let mut text = Kind::of_label(line.reason).unwrap_or(Kind::Unknown).chinese().to_owned();
    if let (Some(share), Some(window)) = (line.share, line.window) {
        let percent = share * 100.0;
        text.push_str(&format!(":最近 {window} 条记录中有 {percent:.1}% 被拒收"));
    }
    let told: Vec<String> =
        line.reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    if !told.is_empty() {
        text.push_str(&format!("({})", told.join("、")));
    }
    if let Some(field) = &line.field {
        text.push_str(&format!(":`{field}`"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use huiliu_model::port::IncidentKind;
    use huiliu_model::{Stop, StopReason};

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn whatever_stops_something_has_a_kind_with_a_text_of_its_own() {
        let stops = StopReason::ALL.map(StopReason::label);
        let stuck = [IncidentKind::OffsetExpired, IncidentKind::OffsetBeyondEnd];
        let stuck = stuck.map(IncidentKind::label);
        for label in stops.iter().chain(&stuck) {
            assert!(Kind::of_label(label).is_some(), "{label}");
        }
        let mut texts = Kind::ALL.map(Kind::chinese).to_vec();
        assert!(texts.iter().all(|text| is_chinese(text)));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let serialized = serde_json::to_value(kind).expect("a word");
            assert_eq!(serialized, kind.label(), "the document and the metrics say one word");
        }
    }

    #[test]
    fn a_stop_is_told_with_its_figures() {
        let rejects = Stop {
            reason: StopReason::Rejects,
            count: 2_730,
            window: 10_000,
            limit: 0.2,
            reasons: vec![("NOT_JSON".to_owned(), 2_100), ("KEY_MISSING".to_owned(), 630)],
            ..Stop::unknown("water_bill".into())
        };
        assert_eq!(
            stopped(&StoppedLine::from(&rejects)),
            "拒收记录超过上限,已停止读取:最近 10000 条记录中有 27.3% 被拒收\
             (NOT_JSON 2100、KEY_MISSING 630)"
        );
        let drift = Stop {
            reason: StopReason::of_label("field_added"),
            count: 3,
            field: Some("note".to_owned()),
            ..Stop::unknown("water_bill".into())
        };
        assert_eq!(stopped(&StoppedLine::from(&drift)), "出现合约之外的字段,已停止读取:`note`");
    }
}
