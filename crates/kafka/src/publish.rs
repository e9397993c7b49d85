//! Records into Kafka, for the demo, tests and benchmarks: idempotent, acknowledged by all.
//!
//! Publishing blocks while librdkafka's buffer is full, or while the pacer says that the reader
//! is behind. A record that could not be delivered fails the next call: nothing is lost quietly.

use crate::failure::{failed, unbuildable};
use crate::pacer::{Admission, Pacer};
use huiliu_model::{Error, ErrorKind};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a full buffer or a slow reader is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// Records between two looks at the delivery reports.
const POLL_EVERY: u64 = 64;

/// Writes records to Kafka topics; blocking, so it belongs on a thread of its own.
pub struct Publisher {
    producer: BaseProducer<Deliveries>,
    partition_counts: HashMap<String, i32>,
    pacer: Option<Pacer>,
    published: u64,
}

impl Publisher {
    /// A publisher to the cluster. `properties` are librdkafka's, with secrets resolved.
    ///
    /// # Errors
    /// `Invalid` when a property is not accepted.
    pub fn connect(
        bootstrap_servers: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut config = ClientConfig::new();
        config.set("client.id", "huiliu").set("linger.ms", "5");
        // Small batches keep the mock broker's oldest batch small.
        config.set("batch.size", "262144");
        config.extend(properties.clone());
        config.set("bootstrap.servers", bootstrap_servers);
        config.set("enable.idempotence", "true").set("acks", "all");
        let created = config.create_with_context(Deliveries::default());
        let producer = created.map_err(|error| unbuildable(error, &config))?;
        Ok(Self { producer, partition_counts: HashMap::new(), pacer: None, published: 0 })
    }

    /// Waits for the reader from now on.
    #[must_use]
    pub fn paced(mut self, pacer: Pacer) -> Self {
        self.pacer = Some(pacer);
        self
    }

    /// Hands a record to the client and returns its partition: the one given, or by its key.
    ///
    /// # Errors
    /// `Unavailable` when the broker or the reader does not keep up for a minute, when the
    /// pacer was closed, or when an earlier record could not be delivered.
    pub fn publish(
        &mut self,
        kafka_topic: &str,
        partition: Option<i32>,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp_ms: i64,
    ) -> Result<i32, Error> {
        let partition = match partition {
            Some(number) => number,
            None => partition_of(key, self.partition_count(kafka_topic)?),
        };
        self.wait_for_reader(kafka_topic, partition, key.len() + value.map_or(0, <[u8]>::len))?;
        self.published += 1;
        if self.published.is_multiple_of(POLL_EVERY) {
            self.producer.poll(Duration::ZERO);
            self.producer.context().check()?;
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(kafka_topic)
            .partition(partition)
            .key(key)
            .timestamp(timestamp_ms);
        record.payload = value;
        for _ in 0..PATIENCE.as_millis() / POLL.as_millis() {
            record = match self.producer.send(record) {
                Ok(()) => return Ok(partition),
                Err((KafkaError::MessageProduction(Code::QueueFull), record)) => record,
                Err((error, _)) => return Err(failed("publishing", error)),
            };
            self.producer.poll(POLL);
        }
        let message = format!("kafka_topic `{kafka_topic}` takes no records for 60 s");
        Err(Error::new(ErrorKind::Unavailable, message))
    }

    /// Waits until everything published is acknowledged.
    ///
    /// # Errors
    /// `Unavailable` when that takes longer than `patience`, or when a record was not delivered.
    pub fn flush(&self, patience: Duration) -> Result<(), Error> {
        self.producer.flush(patience).map_err(|error| failed("flushing", error))?;
        self.producer.context().check()
    }

    /// Records acknowledged by the brokers so far.
    pub fn delivered(&self) -> u64 {
        self.producer.context().delivered.load(Ordering::Relaxed)
    }

    fn wait_for_reader(&self, topic: &str, partition: i32, bytes: usize) -> Result<(), Error> {
        let Some(pacer) = &self.pacer else { return Ok(()) };
        match pacer.admit(topic, partition, bytes, PATIENCE) {
            Admission::Granted => Ok(()),
            Admission::Closed => Err(Error::new(ErrorKind::Unavailable, "publishing was stopped")),
            Admission::TooSlow => {
                let message = format!("{topic}/{partition}: nothing was read for 60 s");
                Err(Error::new(ErrorKind::Unavailable, message))
            }
        }
    }

    fn partition_count(&mut self, kafka_topic: &str) -> Result<i32, Error> {
        if let Some(count) = self.partition_counts.get(kafka_topic) {
            return Ok(*count);
        }
        let metadata = self
            .producer
            .client()
            .fetch_metadata(Some(kafka_topic), Duration::from_secs(10))
            .map_err(|error| failed("looking a kafka_topic up", error))?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        if count == 0 {
            let message = format!("kafka_topic `{kafka_topic}` does not exist");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        self.partition_counts.insert(kafka_topic.to_owned(), count);
        Ok(count)
    }
}

/// The partition that Kafka's own clients choose for a key: murmur2, positive, modulo.
pub fn partition_of(key: &[u8], partition_count: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff).cast_signed() % partition_count.max(1)
}

/// MurmurHash 2 with the seed of Kafka's `Utils.murmur2`.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(u32::MAX);
    let mut hash: u32 = 0x9747_b28c ^ length;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// What became of the records handed over.
#[derive(Debug, Default)]
struct Deliveries {
    delivered: AtomicU64,
    failure: Mutex<Option<KafkaError>>,
}

impl Deliveries {
    fn check(&self) -> Result<(), Error> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            None => Ok(()),
            Some(error) => Err(failed("delivering a record", error)),
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(target: "librdkafka", facility, "{line}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka reports to the publisher");
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert_with(|| error.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `UtilsTest.testMurmur2` in Apache Kafka.
    #[test]
    fn murmur2_agrees_with_kafka() {
        for (key, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn keys_fall_on_partitions_that_exist() {
        for n in 0..1_000_u32 {
            assert!((0..7).contains(&partition_of(&n.to_le_bytes(), 7)));
        }
    }
}
