//! Records out of Kafka and into it: the only crate that names rdkafka.
//!
//! [`KafkaSource`] implements the port [`huiliu_model::port::Source`]. It owns the consumer, its
//! thread, its memory budget and the rebalance handshake; it refuses to decide where to start
//! (recorded progress decides, asked for on every assignment), to decode, or to jump over
//! offsets it cannot read (that is an incident of one partition). The group's committed offsets
//! are written for lag tools and never read. [`Publisher`], [`Pacer`] and [`MockBroker`] serve
//! the demo and the tests. No metrics: [`SourceStats`] is a snapshot for those who export.

mod assignment;
mod budget;
mod chunk;
mod context;
mod elsewhere;
mod ends;
mod examine;
mod failure;
mod heartbeats;
mod mock;
mod newest;
mod offsets;
mod pacer;
mod pauses;
mod poll;
mod probe;
mod publish;
mod recount;
mod settings;
mod source;
mod stats;
mod topics;

pub use examine::{Examined, examine};
pub use heartbeats::heartbeats;
pub use mock::MockBroker;
pub use newest::newest_records;
pub use pacer::Pacer;
pub use publish::{Publisher, partition_of};
pub use recount::{Counted, RangeCount, count_records};
pub use settings::{Route, Settings, Until};
pub use source::KafkaSource;
pub use stats::{DatasetStats, SourceSnapshot, SourceStats};
pub use topics::{available_offsets, compacted_topics, create_topics, end_offsets};
