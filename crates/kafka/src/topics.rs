//! Questions and orders about whole topics: their ends, and making those that are missing.

use crate::failure::failed;
use crate::offsets;
use crate::probe::{PATIENCE, Probe};
use crate::settings::{Route, Settings};
use huiliu_model::{Error, ErrorKind, Partition};
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

/// Pause between two looks at topics that were made.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Looks before the brokers are said to be slow: ten seconds.
const LOOKS_MAX: u32 = 100;

/// The end offset of every partition of the routes' topics; missing topics have none. Blocking.
///
/// # Errors
/// `Unavailable` or `Denied`.
pub fn end_offsets(
    settings: &Settings,
    routes: &[Route],
) -> Result<BTreeMap<Partition, i64>, Error> {
    let probe = Probe::connect(settings)?;
    let found = probe.find(routes)?;
    probe.ends(&found.partitions)
}

/// The offsets that every partition of the routes' topics still has; missing topics have none.
/// Blocking.
///
/// # Errors
/// `Unavailable` or `Denied`.
pub fn available_offsets(
    settings: &Settings,
    routes: &[Route],
) -> Result<BTreeMap<Partition, Range<i64>>, Error> {
    let probe = Probe::connect(settings)?;
    let found = probe.find(routes)?;
    offsets::available(&probe.client, &found.partitions, PATIENCE)
        .map_err(|error| failed("reading the offsets", error))
}

/// Makes the topics that do not exist; those that do stay as they are. Blocking.
///
/// # Errors
/// `Unavailable` when the brokers do not answer, `Denied` or `Invalid` as they refuse.
pub fn create_topics(
    servers: &str,
    properties: &BTreeMap<String, String>,
    names: &[&str],
    partitions: i32,
) -> Result<(), Error> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    for (name, value) in properties {
        config.set(name, value);
    }
    let client: AdminClient<DefaultClientContext> =
        config.create().map_err(|e| failed("connecting to the brokers", e))?;
    // -1 leaves the number of replicas to the brokers.
    let topics: Vec<NewTopic<'_>> =
        names.iter().map(|n| NewTopic::new(n, partitions, TopicReplication::Fixed(-1))).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answers = runtime()?
        .block_on(client.create_topics(&topics, &options))
        .map_err(|e| failed("making topics", e))?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                let kind = match code {
                    RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::ClusterAuthorizationFailed => ErrorKind::Denied,
                    RDKafkaErrorCode::RequestTimedOut => ErrorKind::Unavailable,
                    _ => ErrorKind::Invalid,
                };
                return Err(Error::new(kind, format!("kafka_topic `{name}` was not made: {code}"))
                    .help("make it with the cluster's own tools, or ask for the permission"));
            }
        }
    }
    await_leaders(&client, names)
}

/// Those of some topics that brokers compact, so that records may be gone from between others, and
/// those of which they do not say. Blocking.
///
/// # Errors
/// `Unavailable` when the brokers do not answer.
pub fn compacted_topics(
    settings: &Settings,
    topics: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, Error> {
    let asking = |e| failed("asking how topics are cleaned", e);
    let client: AdminClient<DefaultClientContext> = settings.probe().create().map_err(asking)?;
    let asked: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE));
    let answers = runtime()?.block_on(client.describe_configs(&asked, &options)).map_err(asking)?;
    let policy = |found: ConfigResource| {
        let entry = found.entries.into_iter().find(|entry| entry.name == "cleanup.policy");
        let OwnedResourceSpecifier::Topic(name) = found.specifier else { return None };
        Some((name, entry?.value?))
    };
    let mut kept: BTreeSet<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
    for (name, policy) in answers.into_iter().filter_map(|answer| policy(answer.ok()?)) {
        if !policy.contains("compact") {
            kept.remove(&name);
        }
    }
    Ok(kept)
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
    made.map_err(|e| Error::new(ErrorKind::Unavailable, "no runtime for requests").because(e))
}

/// Waits until the brokers tell of every topic: what was made is known a little later.
fn await_leaders(client: &AdminClient<DefaultClientContext>, names: &[&str]) -> Result<(), Error> {
    let mut missing = names.first();
    for _ in 0..LOOKS_MAX {
        let metadata = client
            .inner()
            .fetch_metadata(None, PATIENCE)
            .map_err(|e| failed("looking for the topics that were made", e))?;
        let known = |name: &str| {
            let topic = metadata.topics().iter().find(|topic| topic.name() == name);
            topic.is_some_and(|topic| {
                let partitions = topic.partitions();
                !partitions.is_empty() && partitions.iter().all(|p| p.leader() >= 0)
            })
        };
        missing = names.iter().find(|name| !known(name));
        if missing.is_none() {
            return Ok(());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    let missing = missing.copied().unwrap_or_default();
    let message = format!("kafka_topic `{missing}` was made but is not served yet");
    Err(Error::new(ErrorKind::Unavailable, message).help("look at the brokers and try again"))
}
