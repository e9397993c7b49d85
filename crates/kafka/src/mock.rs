//! A Kafka broker inside the process, for the demo and for tests.
//!
//! It is librdkafka's mock: it speaks the protocol on a loopback port, keeps at most 5 MiB or
//! 100,000 records per partition, has no transactions and forgets everything when dropped. The
//! cluster lives on a thread of its own because its handle may not move between threads.

use crate::failure::{failed, no_thread};
use huiliu_model::Error;
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use std::sync::mpsc;
use std::thread::JoinHandle;

/// One broker on a loopback port.
pub struct MockBroker {
    bootstrap_servers: String,
    orders: mpsc::Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Create { kafka_topic: String, partitions: i32, done: mpsc::Sender<Result<(), KafkaError>> },
    SetDown { down: bool, done: mpsc::Sender<Result<(), KafkaError>> },
}

impl MockBroker {
    /// Starts a broker with topics of the given numbers of partitions.
    ///
    /// # Errors
    /// `Unavailable` when the mock cannot be started.
    pub fn start(topics: &[(String, i32)]) -> Result<Self, Error> {
        let (orders, receive) = mpsc::channel();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("kafka-mock".to_owned())
            .spawn(move || serve(&ready, &receive))
            .map_err(|error| no_thread("kafka-mock", error))?;
        let bootstrap_servers = started
            .recv()
            .unwrap_or(Err(KafkaError::Canceled))
            .map_err(|error| failed("starting the mock broker", error))?;
        let broker = Self { bootstrap_servers, orders, thread: Some(thread) };
        for (kafka_topic, partitions) in topics {
            broker.create(kafka_topic, *partitions)?;
        }
        Ok(broker)
    }

    /// Address for clients.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Adds a topic.
    ///
    /// # Errors
    /// `Unavailable` when the mock refuses, for instance because the topic exists.
    pub fn create(&self, kafka_topic: &str, partitions: i32) -> Result<(), Error> {
        let kafka_topic = kafka_topic.to_owned();
        self.order("creating a kafka_topic", |done| Order::Create { kafka_topic, partitions, done })
    }

    /// Cuts all connections and takes no new ones, or takes them again.
    ///
    /// # Errors
    /// `Unavailable` when the mock refuses.
    pub fn set_down(&self, down: bool) -> Result<(), Error> {
        self.order("taking the mock broker down or up", |done| Order::SetDown { down, done })
    }

    fn order(
        &self,
        what: &str,
        order: impl FnOnce(mpsc::Sender<Result<(), KafkaError>>) -> Order,
    ) -> Result<(), Error> {
        let (done, answer) = mpsc::channel();
        // A thread that is gone drops `done`, which the next line reports.
        let _ = self.orders.send(order(done));
        answer.recv().unwrap_or(Err(KafkaError::Canceled)).map_err(|error| failed(what, error))
    }
}

impl Drop for MockBroker {
    fn drop(&mut self) {
        // The thread ends when nobody can give orders any more.
        self.orders = mpsc::channel().0;
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there is nothing to clean up after it.
            let _ = thread.join();
        }
    }
}

fn serve(ready: &mpsc::Sender<Result<String, KafkaError>>, orders: &mpsc::Receiver<Order>) {
    let cluster = match MockCluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            // The starter waits for this word; if it is gone, so is the need.
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(cluster.bootstrap_servers()));
    while let Ok(order) = orders.recv() {
        let (result, done) = match order {
            Order::Create { kafka_topic, partitions, done } => {
                (cluster.create_topic(&kafka_topic, partitions, 1), done)
            }
            Order::SetDown { down: true, done } => (cluster.broker_down(-1), done),
            Order::SetDown { down: false, done } => (cluster.broker_up(-1), done),
        };
        let _ = done.send(result);
    }
}
