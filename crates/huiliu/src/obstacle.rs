//! What keeps a process from making progress: a closed set of codes, which `/readyz`, the metrics
//! and the status page share. What waits for a person bears the label of its incident.

use crate::incident;
use prometheus::{IntGaugeVec, Opts, Registry};
use serde::Serialize;

/// Kind of an obstacle. Codes are stable; texts are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Starting,
    LakeOpening,
    LakeUnavailable,
    KafkaConnecting,
    KafkaUnavailable,
    /// The group has not answered yet.
    NotAssigned,
    Incident(incident::Kind),
}

/// One obstacle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// A dependency, a dataset or a partition.
    pub what: String,
    #[serde(serialize_with = "label")]
    pub code: Code,
    /// In English, as logs have it.
    pub why: String,
}

fn label<S: serde::Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.label())
}

impl Code {
    pub fn all() -> impl Iterator<Item = Self> {
        let own = [
            Self::Starting,
            Self::LakeOpening,
            Self::LakeUnavailable,
            Self::KafkaConnecting,
            Self::KafkaUnavailable,
            Self::NotAssigned,
        ];
        own.into_iter().chain(incident::Kind::ALL.map(Self::Incident))
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::LakeOpening => "lake_opening",
            Self::LakeUnavailable => "lake_unavailable",
            Self::KafkaConnecting => "kafka_connecting",
            Self::KafkaUnavailable => "kafka_unavailable",
            Self::NotAssigned => "not_assigned",
            Self::Incident(kind) => kind.label(),
        }
    }

    fn chinese(self) -> &'static str {
        match self {
            Self::Starting => "正在启动",
            Self::LakeOpening => "正在打开数据湖",
            Self::LakeUnavailable => "数据湖或存储没有应答",
            Self::KafkaConnecting => "正在连接 Kafka",
            Self::KafkaUnavailable => "Kafka 没有应答,等待中",
            Self::NotAssigned => "消费组尚未分配分区",
            Self::Incident(kind) => kind.chinese(),
        }
    }

    /// Whether what an error says belongs to the text.
    fn has_words(self) -> bool {
        matches!(self, Self::LakeUnavailable | Self::KafkaUnavailable)
    }
}

impl Obstacle {
    pub fn new(what: impl Into<String>, code: Code, why: impl Into<String>) -> Self {
        Self { what: what.into(), code, why: why.into() }
    }

    /// A dataset or partition that waits for a person, by the label of its incident.
    pub fn incident(what: String, label: &str, why: String) -> Self {
        let kind = incident::Kind::of_label(label).unwrap_or(incident::Kind::Unknown);
        Self { what, code: Code::Incident(kind), why }
    }

    /// Whom it concerns and why, in Chinese; what an error says stays as it is.
    pub fn chinese(&self) -> (&str, String) {
        let what = match self.what.as_str() {
            "process" => "进程",
            "lake" => "数据湖",
            other => other,
        };
        let text = self.code.chinese();
        match self.code.has_words() {
            true => (what, format!("{text}:{}", self.why)),
            false => (what, text.to_owned()),
        }
    }
}

/// Obstacles as they are told to Prometheus.
pub struct Metrics {
    obstacles: IntGaugeVec,
}

impl Metrics {
    /// # Errors
    /// When the registry holds the name already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let obstacles = IntGaugeVec::new(
            Opts::new(
                "huiliu_obstacles",
                "What keeps this process from making progress, by code, as /readyz tells it.",
            ),
            &["code"],
        )?;
        registry.register(Box::new(obstacles.clone()))?;
        Ok(Self { obstacles })
    }

    /// Shows what is in the way now.
    pub fn show(&self, found: &[Obstacle]) {
        for code in Code::all() {
            let count = found.iter().filter(|obstacle| obstacle.code == code).count();
            let gauge = self.obstacles.with_label_values(&[code.label()]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_label_and_a_chinese_text_of_its_own() {
        let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for of in [Code::label, Code::chinese] {
            let mut texts: Vec<&str> = Code::all().map(of).collect();
            let count = texts.len();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(texts.len(), count, "{texts:?}");
        }
        assert!(Code::all().all(|code| is_chinese(code.chinese())));
    }

    #[test]
    fn texts_hang_on_the_code_whatever_the_words_say() {
        let told = |code, why: &str| Obstacle::new("lake", code, why).chinese().1;
        assert_eq!(told(Code::Starting, "anything"), "正在启动");
        assert_eq!(
            told(Code::LakeUnavailable, "bucket `city` answers 503"),
            "数据湖或存储没有应答:bucket `city` answers 503"
        );
        assert_eq!(Obstacle::new("lake", Code::Starting, "").chinese().0, "数据湖");
        let stopped = Obstacle::incident("water_bill".into(), "rejects", "stopped: rejects".into());
        assert_eq!(stopped.chinese(), ("water_bill", "拒收记录超过上限,已停止读取".to_owned()));
        let document = serde_json::to_value(&stopped).expect("a document");
        assert_eq!(
            document,
            serde_json::json!({
                "what": "water_bill", "code": "rejects", "why": "stopped: rejects",
            })
        );
    }
}
