//! Which Kafka topics a dataset is read from: one by name, or all that match a pattern.
//!
//! librdkafka matches patterns with the regular expressions of the C library (POSIX extended);
//! ingestion, `validate` and `status` match with the code below. So that both agree on every
//! name, a pattern may only use what has one meaning everywhere: `^…$` around letters, digits,
//! `_ - \.`, `.`, `[…]`, `( | )`, `*`, `+` and `?`. Whether two datasets could claim one topic
//! is then decidable, and decided: [`KafkaTopics::shared_with`] gives a name that both match.

mod pattern;

pub use pattern::TopicPattern;

use std::fmt;
use std::sync::Arc;

/// Kafka's own limit on the length of a topic's name.
pub const KAFKA_TOPIC_CHARS_MAX: usize = 249;

/// The Kafka topics of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaTopics {
    One(Arc<str>),
    /// Those that exist and those that appear later.
    Matching(TopicPattern),
}

impl KafkaTopics {
    pub fn contains(&self, kafka_topic: &str) -> bool {
        match self {
            Self::One(name) => **name == *kafka_topic,
            Self::Matching(pattern) => pattern.matches(kafka_topic),
        }
    }

    /// The topic, where there is exactly one.
    pub fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::One(name) => Some(name),
            Self::Matching(_) => None,
        }
    }

    /// The name, or the pattern from `^` to `$`.
    pub fn text(&self) -> &str {
        match self {
            Self::One(name) => name,
            Self::Matching(pattern) => pattern.text(),
        }
    }

    /// A name that belongs to both, if there could be one.
    pub fn shared_with(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::One(name), topics) | (topics, Self::One(name)) => {
                topics.contains(name).then(|| name.to_string())
            }
            (Self::Matching(ours), Self::Matching(theirs)) => ours.shared_with(theirs),
        }
    }
}

impl fmt::Display for KafkaTopics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl From<Arc<str>> for KafkaTopics {
    fn from(name: Arc<str>) -> Self {
        Self::One(name)
    }
}

impl From<&str> for KafkaTopics {
    fn from(name: &str) -> Self {
        Self::One(name.into())
    }
}

impl From<String> for KafkaTopics {
    fn from(name: String) -> Self {
        Self::One(name.into())
    }
}
