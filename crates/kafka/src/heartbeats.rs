//! Heartbeats of Debezium's connectors: the Kafka time of the newest record of each heartbeat
//! topic, for who has to tell a quiet source from a dead connector. No group is joined.
//!
//! A connector writes to `<topic.heartbeat.prefix>.<topic.prefix>` every `heartbeat.interval.ms`,
//! whether its source changes or not.

use crate::context::Context;
use crate::failure::{failed, unbuildable};
use crate::settings::Settings;
use huiliu_model::Error;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Prefixes of heartbeat topics: Debezium's default, and that of `ops/debezium`.
const PREFIXES: [&str; 2] = ["__debezium-heartbeat.", "heartbeat."];
/// How long one poll waits; a process that stops waits no longer for this.
const POLL: Duration = Duration::from_millis(200);
/// Polls between two looks for new topics: half a minute.
const POLLS_PER_LOOK: u32 = 150;
/// How long the cluster may take to list its topics.
const PATIENCE: Duration = Duration::from_secs(1);

type Partitions = BTreeSet<(String, i32)>;

/// Tells `connector, Kafka time in milliseconds` of each heartbeat until `over`, beginning with the
/// newest of each connector. Blocking.
///
/// # Errors
/// As [`crate::KafkaSource::start`] for wrong properties. A cluster that is away is waited for.
pub fn heartbeats(
    settings: &Settings,
    over: &CancellationToken,
    mut told: impl FnMut(&str, i64),
) -> Result<(), Error> {
    let config = settings.consumer(1);
    let client: BaseConsumer<Context> =
        config.create_with_context(Context::default()).map_err(|e| unbuildable(e, &config))?;
    let mut known = Partitions::new();
    let mut polls = 0;
    while !over.is_cancelled() {
        if polls % POLLS_PER_LOOK == 0
            && let Some(found) = topics(&client)
            && found != known
        {
            assign(&client, &found)?;
            known = found;
        }
        polls += 1;
        // What is wrong with the cluster, the source that reads the records says.
        if let Some(Ok(message)) = client.poll(POLL)
            && let Some(at) = message.timestamp().to_millis()
            && let Some(connector) = connector(message.topic())
        {
            told(connector, at);
        }
    }
    Ok(())
}

/// Heartbeat topics as they are now; none when the cluster does not say.
fn topics(client: &BaseConsumer<Context>) -> Option<Partitions> {
    let metadata = client.fetch_metadata(None, PATIENCE).ok()?;
    let ours = metadata.topics().iter().filter(|topic| connector(topic.name()).is_some());
    let named = |topic: &rdkafka::metadata::MetadataTopic| {
        let name = topic.name().to_owned();
        topic.partitions().iter().map(move |part| (name.clone(), part.id())).collect::<Vec<_>>()
    };
    Some(ours.flat_map(named).collect())
}

fn assign(client: &BaseConsumer<Context>, partitions: &Partitions) -> Result<(), Error> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, number) in partitions {
        list.add_partition_offset(topic, *number, Offset::OffsetTail(1))
            .map_err(|error| failed("choosing heartbeats", error))?;
    }
    client.assign(&list).map_err(|error| failed("reading heartbeats", error))
}

/// Whose heartbeats a topic has.
fn connector(kafka_topic: &str) -> Option<&str> {
    let of = PREFIXES.iter().find_map(|prefix| kafka_topic.strip_prefix(prefix));
    of.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_topic_names_its_connector() {
        assert_eq!(connector("__debezium-heartbeat.city"), Some("city"));
        assert_eq!(connector("heartbeat.city.east"), Some("city.east"));
        for other in ["heartbeat.", "heartbeats.city", "city.public.resident"] {
            assert_eq!(connector(other), None, "{other}");
        }
    }
}
