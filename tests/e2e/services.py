"""The services that the scripts of ops/setup start: a Kafka broker, Kafka Connect, an S3 server."""

import json
import subprocess
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from places import SETUP


class Service:
    scripts = ""

    def __init__(self, directory, port):
        self.directory = directory
        self.port = port

    def start(self):
        self._script("start", self.directory, self.port)

    def stop(self):
        self._script("stop", self.directory)

    def _script(self, verb, *arguments):
        script = SETUP / f"{self.scripts}-{verb}.sh"
        subprocess.run([script, *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


class ObjectStore(Service):
    scripts = "s3"

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"


class Connect(Service):
    """A Kafka Connect worker with Debezium's connectors, asked through its REST interface."""

    scripts = "connect"

    def __init__(self, directory, port, servers):
        super().__init__(directory, port)
        self.servers = servers

    def start(self):
        self._script("start", self.directory, self.port, self.servers)

    def create(self, name, settings):
        """Makes a connector and waits until its task runs."""
        self._ask("PUT", f"connectors/{name}/config", settings)
        self.await_running(name)

    def await_running(self, name, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            status = self.status(name)
            states = [part["state"] for part in [status["connector"], *status["tasks"]]]
            if len(states) > 1 and set(states) == {"RUNNING"}:
                return
            failures = [task["trace"] for task in status["tasks"] if task.get("trace")]
            assert not failures, failures[0]
            assert time.monotonic() < deadline, f"the connector {name} does not run: {status}"
            time.sleep(0.2)

    def await_streaming(self, name, seconds=120):
        """Waits until a connector has noted that its first snapshot is complete: one that is
        stopped before takes it anew, and never tells of rows that were deleted in between."""
        deadline = time.monotonic() + seconds
        while True:
            noted = self._ask("GET", f"connectors/{name}/offsets")["offsets"]
            if noted and not any(each["offset"].get("snapshot") for each in noted):
                return
            assert time.monotonic() < deadline, f"the connector {name} is at {noted}"
            time.sleep(0.2)

    def status(self, name):
        try:
            return self._ask("GET", f"connectors/{name}/status")
        except urllib.error.HTTPError as error:
            # Not found or busy: the worker has not read of it yet.
            assert error.code in (404, 409, 500), error
            return {"connector": {"state": "UNKNOWN"}, "tasks": []}

    def restart(self, name):
        """Restarts a connector with its tasks; what it had not noted it reads again."""
        self._ask("POST", f"connectors/{name}/restart?includeTasks=true")

    def begin_anew(self, name, settings):
        """Starts a connector with other settings and without a memory of how far it was."""
        self._forget(name)
        self._ask("PUT", f"connectors/{name}/config", settings)
        self._ask("PUT", f"connectors/{name}/resume")
        self.await_running(name)

    def delete(self, name):
        """Removes a connector, if it is there, and what it had noted."""
        if self.status(name)["connector"]["state"] != "UNKNOWN":
            self._forget(name)
            self._ask("DELETE", f"connectors/{name}")

    def _forget(self, name):
        self._ask("PUT", f"connectors/{name}/stop")
        deadline = time.monotonic() + 60
        while self.status(name)["connector"]["state"] != "STOPPED" or self.status(name)["tasks"]:
            assert time.monotonic() < deadline, f"the connector {name} does not stop"
            time.sleep(0.1)
        self._ask("DELETE", f"connectors/{name}/offsets")

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            error.msg += f": {error.read().decode(errors='replace')[:2000]}"
            raise


class Broker(Service):
    """A Kafka broker with what the tests ask of it."""

    scripts = "kafka"

    @property
    def servers(self):
        return f"127.0.0.1:{self.port}"

    def create(self, kafka_topics, partitions=1):
        admin = AdminClient({"bootstrap.servers": self.servers})
        wanted = [NewTopic(name, partitions, 1) for name in kafka_topics]
        for future in admin.create_topics(wanted).values():
            future.result()
        self._settle(admin, lambda seen: seen >= set(kafka_topics))

    def delete_all(self):
        """Removes every kafka_topic of the tests, so that the next test begins with none."""
        admin = AdminClient({"bootstrap.servers": self.servers})
        names = [n for n in admin.list_topics(timeout=30).topics if not n.startswith("__")]
        for future in admin.delete_topics(names).values() if names else []:
            future.result()
        self._settle(admin, lambda seen: not seen & set(names))

    def _settle(self, admin, condition):
        """Waits until the broker's answers show what it has agreed to."""
        deadline = time.monotonic() + 30
        while not condition(set(admin.list_topics(timeout=30).topics)):
            assert time.monotonic() < deadline, "the broker's metadata do not follow"
            time.sleep(0.05)

    def publish(self, kafka_topic, records, partition=0):
        """Sends `(key, value)` pairs of bytes in order, and waits until they are stored."""
        producer = Producer(
            {
                "bootstrap.servers": self.servers,
                "message.max.bytes": 33_554_432,
                "linger.ms": 5,
                # Keeps the order within a partition through retries.
                "enable.idempotence": True,
            }
        )
        failures = []
        for key, value in records:
            producer.produce(
                kafka_topic,
                value,
                key,
                partition,
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
            producer.poll(0)
        producer.flush(60)
        assert not failures, failures[0]

    def ends(self):
        """`{(kafka_topic, partition): next offset}` of everything the tests made."""
        consumer = self._consumer()
        ends = {}
        for name, topic in consumer.list_topics(timeout=30).topics.items():
            if name.startswith("__"):
                continue
            for partition in topic.partitions:
                ends[name, partition] = _end(consumer, TopicPartition(name, partition))
        consumer.close()
        return ends

    def records(self, ends):
        """Every record below `ends` as `(kafka_topic, partition, offset, value)`."""
        for message in self.messages(ends):
            yield message.topic(), message.partition(), message.offset(), message.value()

    def messages(self, ends):
        """Every record below `ends` as the client gives it."""
        consumer = self._consumer()
        rest = {at: end for at, end in ends.items() if end > 0}
        consumer.assign([TopicPartition(name, number, 0) for name, number in rest])
        heard = time.monotonic()
        while rest:
            # `consume` waits for as many as it is asked for, until its time is over.
            batch = consumer.consume(10_000, 0.1)
            heard = time.monotonic() if batch else heard
            silence = time.monotonic() - heard
            assert silence < 30, f"the broker sent nothing, still missing: {rest}"
            for message in batch:
                assert not message.error(), message.error()
                at = message.topic(), message.partition()
                if message.offset() < ends[at]:
                    yield message
                if message.offset() + 1 >= ends[at]:
                    rest.pop(at, None)
        consumer.close()

    def _consumer(self):
        return Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "independent-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": 33_554_432,
            }
        )


def _end(consumer, partition):
    """The next offset of a partition; one that is new may have no leader yet."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return consumer.get_watermark_offsets(partition, 30)[1]
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
