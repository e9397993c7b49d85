//! What a source is told, and what becomes of it as librdkafka properties.
//!
//! A user may set any property but those the laws of this crate rest on: an owned property with
//! another value is an error that names it. Values of properties are never shown: they hold
//! passwords.

use huiliu_model::{Error, ErrorKind, KafkaTopics, Traces};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How to reach a Kafka cluster and how much memory its records may take.
#[derive(Clone)]
pub struct Settings {
    /// Comma-separated `host:port` list.
    pub bootstrap_servers: String,
    pub group_id: String,
    /// Further librdkafka properties, with secrets resolved. They override our defaults.
    pub properties: BTreeMap<String, String>,
    /// Bytes of records handed over and not yet released; reading stops there.
    pub budget_bytes: usize,
    /// A chunk is handed over when it holds this much.
    pub chunk_bytes: usize,
    /// A chunk is handed over when its first record is this old.
    pub chunk_age: Duration,
    /// Size of the largest record that must get through.
    pub record_bytes_max: usize,
    /// With an end in sight: how long partitions of other members may stand still. Above the time
    /// after which the group gives up a member that has died (45 s by default).
    pub others_patience: Duration,
    /// Where trace contexts of records are noted, if somebody takes them.
    pub traces: Option<Arc<Traces>>,
}

impl Settings {
    /// Settings with the defaults: 256 MiB budget, chunks of 1 MiB or 100 ms, records of 16 MiB.
    pub fn new(bootstrap_servers: impl Into<String>, group_id: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            group_id: group_id.into(),
            properties: BTreeMap::new(),
            budget_bytes: 256 << 20,
            chunk_bytes: 1 << 20,
            chunk_age: Duration::from_millis(100),
            record_bytes_max: 16 << 20,
            others_patience: Duration::from_secs(120),
            traces: None,
        }
    }

    /// Refuses properties that contradict what this crate relies on.
    ///
    /// # Errors
    /// `Invalid`, naming the property and the value needed.
    pub fn validate(&self) -> Result<(), Error> {
        let owned = OWNED.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let ours = [
            ("bootstrap.servers", self.bootstrap_servers.clone()),
            ("metadata.broker.list", self.bootstrap_servers.clone()),
            ("group.id", self.group_id.clone()),
        ];
        for (name, needed) in owned.chain(ours) {
            if self.properties.get(name).is_some_and(|set| *set != needed) {
                return Err(refused(name, &format!("it must be `{needed}`")));
            }
        }
        for name in DERIVED {
            if self.properties.contains_key(name) {
                return Err(refused(name, "it follows from the memory budget"));
            }
        }
        if let Some(text) = self.properties.get(REFRESH)
            && !text.parse::<u64>().is_ok_and(|ms| (1..=REFRESH_MS_MAX).contains(&ms))
        {
            return Err(refused(REFRESH, "it must lie between 1 and 30000"));
        }
        Ok(())
    }

    /// Properties of the group's consumer, sized for `partition_count` partitions.
    pub(crate) fn consumer(&self, partition_count: usize) -> ClientConfig {
        let mut config = self.base();
        config.set(REFRESH, REFRESH_MS_MAX.to_string());
        for (name, value) in Prefetch::new(self, partition_count).properties() {
            config.set(name, value);
        }
        config.extend(self.properties.clone());
        config.set("group.id", &self.group_id);
        for (name, value) in OWNED {
            config.set(*name, *value);
        }
        config
    }

    /// Whether `count` partitions take twice the memory that queues made for `sized_for` may take.
    pub(crate) fn outgrows(&self, sized_for: usize, count: usize) -> bool {
        let queue_bytes = Prefetch::new(self, sized_for).partition_bytes;
        count > sized_for && count.saturating_mul(queue_bytes) > self.budget_bytes / 2
    }

    /// Properties of the client that asks for metadata and offsets; it joins no group.
    pub(crate) fn probe(&self) -> ClientConfig {
        let mut config = self.base();
        let reachable = |name: &str| !name.starts_with("group.") && name != STATISTICS;
        config.extend(
            self.properties
                .iter()
                .filter(|(n, _)| reachable(n))
                .map(|(n, v)| (n.clone(), v.clone())),
        );
        config.set("isolation.level", "read_committed");
        config
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", "huiliu")
            .set("allow.auto.create.topics", "false")
            // Why a broker hangs up is told at this level; what is shown, our own log decides.
            .set_log_level(RDKafkaLogLevel::Info);
        config
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_id", &self.group_id)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .field("budget_bytes", &self.budget_bytes)
            .finish_non_exhaustive()
    }
}

/// One dataset and the Kafka topics it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub dataset: Arc<str>,
    pub kafka_topics: KafkaTopics,
}

/// When a source ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never: only when it is stopped.
    Stopped,
    /// When every partition reached the end it had when the source started: ours are read, those
    /// of other members are recorded.
    EndOffsets,
}

/// Properties the laws rest on: progress is in the tables, nothing is skipped, one partition
/// moves without stopping the others.
const OWNED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("group.protocol", "classic"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("enable.partition.eof", "true"),
    ("check.crcs", "true"),
];

/// Properties computed from the budget; left to the user they would undo it.
const DERIVED: [&str; 6] = [
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.message.max.bytes",
    "max.partition.fetch.bytes",
    "fetch.max.bytes",
    "receive.message.max.bytes",
];

/// How often metadata is read again, so that new partitions and topics appear.
const REFRESH: &str = "topic.metadata.refresh.interval.ms";
const REFRESH_MS_MAX: u64 = 30_000;
const STATISTICS: &str = "statistics.interval.ms";

/// Sizes of librdkafka's own queues: a quarter of the budget, shared by the partitions.
///
/// Every partition has its own queue. It may pass its bound by one fetched batch.
struct Prefetch {
    partition_bytes: usize,
    fetch_bytes: usize,
    response_bytes: usize,
}

impl Prefetch {
    fn new(settings: &Settings, partition_count: usize) -> Self {
        let share = settings.budget_bytes / 4 / partition_count.max(1);
        let fetch_bytes = (settings.budget_bytes / 8).clamp(FETCH_BYTES_MIN, FETCH_BYTES_MAX);
        let whole = fetch_bytes + settings.record_bytes_max + (1 << 20);
        Self {
            partition_bytes: share.clamp(64 << 10, 8 << 20),
            fetch_bytes,
            response_bytes: whole.clamp(RESPONSE_BYTES_MIN, RESPONSE_BYTES_MAX),
        }
    }

    fn properties(&self) -> [(&'static str, String); 6] {
        let kbytes = self.partition_bytes >> 10;
        [
            ("queued.min.messages", QUEUED_RECORDS.to_string()),
            ("queued.max.messages.kbytes", kbytes.to_string()),
            ("fetch.message.max.bytes", self.partition_bytes.min(1 << 20).to_string()),
            ("fetch.max.bytes", self.fetch_bytes.to_string()),
            ("receive.message.max.bytes", self.response_bytes.to_string()),
            // With small queues the default of one second would bound the rate of a partition.
            ("fetch.queue.backoff.ms", "10".to_owned()),
        ]
    }
}

/// Records per partition queue; librdkafka's default is 100,000.
const QUEUED_RECORDS: usize = 20_000;
/// librdkafka wants at least `message.max.bytes`, by default 1,000,000.
const FETCH_BYTES_MIN: usize = 1 << 20;
/// librdkafka's default for `fetch.max.bytes`.
const FETCH_BYTES_MAX: usize = 50 << 20;
/// A response beyond the limit is fetched again for ever, so the floor is generous: a record
/// that is too large arrives and is rejected with its coordinates.
const RESPONSE_BYTES_MIN: usize = 256 << 20;
/// Below the arena of `model::Records`, so that any record that arrives can be stored.
const RESPONSE_BYTES_MAX: usize = 1_000_000_000;

fn refused(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("kafka property `{name}` cannot be set: {why}"))
        .help(format!("remove `{name}` from the kafka properties in huiliu.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Settings {
        let mut settings = Settings::new("localhost:9092", "g");
        settings.properties.insert(name.to_owned(), value.to_owned());
        settings
    }

    #[test]
    fn a_property_that_breaks_a_law_is_refused_by_name() {
        for (name, value) in [
            ("enable.auto.commit", "true"),
            ("auto.offset.reset", "latest"),
            ("isolation.level", "read_uncommitted"),
            ("partition.assignment.strategy", "range"),
            ("group.protocol", "consumer"),
            ("queued.max.messages.kbytes", "1000000"),
            ("group.id", "other"),
            ("topic.metadata.refresh.interval.ms", "300000"),
            ("topic.metadata.refresh.interval.ms", "-1"),
        ] {
            let error = with(name, value).validate().expect_err(name);
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains(&format!("`{name}`")), "{}", error.message);
        }
    }

    #[test]
    fn user_properties_reach_the_clients_and_owned_ones_stay() {
        let settings = with("sasl.username", "someone");
        settings.validate().expect("nothing contradicts");
        assert_eq!(settings.consumer(4).get("sasl.username"), Some("someone"));
        assert_eq!(settings.probe().get("sasl.username"), Some("someone"));
        assert_eq!(settings.consumer(4).get("auto.offset.reset"), Some("error"));
        with("auto.offset.reset", "error").validate().expect("the value we need");
    }

    #[test]
    fn queues_of_many_partitions_stay_inside_the_budget() {
        let mut settings = Settings::new("localhost:9092", "g");
        settings.budget_bytes = 1 << 30;
        // 256 MiB over 8 partitions is 32 MiB each, above the bound of 8 MiB.
        assert_eq!(settings.consumer(8).get("queued.max.messages.kbytes"), Some("8192"));
        // 256 MiB over 1,000 partitions is 262 KiB each.
        assert_eq!(settings.consumer(1_000).get("queued.max.messages.kbytes"), Some("262"));
        assert_eq!(settings.consumer(1_000).get("fetch.message.max.bytes"), Some("268435"));
    }

    #[test]
    fn twice_the_memory_of_the_queues_is_too_much() {
        let mut settings = Settings::new("localhost:9092", "g");
        settings.budget_bytes = 64 << 20;
        // 16 MiB over 4 partitions is 4 MiB each; 32 MiB are 8 of them.
        assert!(!settings.outgrows(4, 8));
        assert!(settings.outgrows(4, 9));
        // 16 MiB over 1,000 partitions is the floor of 64 KiB each: 32 MiB are 512.
        assert!(!settings.outgrows(1_000, 1_000), "they were asked for");
        assert!(settings.outgrows(1_000, 1_001));
    }

    #[test]
    fn debug_output_holds_no_property_value() {
        let shown = format!("{:?}", with("sasl.password", "hunter2"));
        assert!(shown.contains("sasl.password"));
        assert!(!shown.contains("hunter2"));
    }
}
