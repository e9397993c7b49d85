"""Settings of Debezium's connectors: those of ops/debezium, which docs/debezium.md recommends, and
what only tests need."""

import json
import time
import zlib

from places import REPOSITORY


def recommended(kind):
    """The settings for `postgres` or `mariadb` as they are handed out."""
    return json.loads((REPOSITORY / "ops" / "debezium" / f"{kind}.json").read_text())


# Debezium's own defaults but for JSON without a schema, for truncates, and for patience with the
# services that tests stop and start.
PLAIN = {
    "skipped.operations": "none",
    "tasks.max": "1",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "topic.creation.default.partitions": "1",
    "topic.creation.default.replication.factor": "1",
    "topic.heartbeat.prefix": "heartbeat",
    "poll.interval.ms": "50",
    "errors.max.retries": "-1",
    "errors.retry.delay.initial.ms": "100",
    "errors.retry.delay.max.ms": "1000",
}


def in_avro(registry):
    """Settings for Confluent's wire format with the converter of ops/setup/converter."""
    at = "value.converter.apicurio.registry"
    return {
        "value.converter": "io.apicurio.registry.utils.converter.AvroConverter",
        f"{at}.url": f"http://127.0.0.1:{registry.port}/apis/registry/v2",
        f"{at}.auto-register": "true",
        f"{at}.find-latest": "true",
        f"{at}.as-confluent": "true",
        f"{at}.use-id": "contentId",
        f"{at}.headers.enabled": "false",
        "schema.name.adjustment.mode": "avro",
        "field.name.adjustment.mode": "avro_unicode",
    }


def postgres_connector(database, name, tables, settings):
    """One connector, its kafka_topics `<name>.<schema>.<table>`, with a slot of its own."""
    return PLAIN | settings | {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": str(database.port),
        "database.user": "postgres",
        "database.password": "",
        "database.dbname": "city",
        "slot.name": name.replace("-", "_"),
        "publication.name": "everything",
        "publication.autocreate.mode": "disabled",
        "topic.prefix": name,
        "table.include.list": tables,
    }


def mariadb_connector(database, name, tables, settings, servers):
    """One connector, its kafka_topics `<name>.city.<table>`, a replica with an id of its own."""
    return PLAIN | settings | {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "database.hostname": "127.0.0.1",
        "database.port": str(database.port),
        "database.user": "city",
        "database.password": "",
        "database.ssl.mode": "disable",
        "database.server.id": str(1000 + zlib.crc32(name.encode()) % 1_000_000),
        "database.include.list": "city",
        "topic.prefix": name,
        "table.include.list": tables,
        # Where the connector keeps the tables' definitions; nobody else reads it.
        "schema.history.internal.kafka.bootstrap.servers": servers,
        "schema.history.internal.kafka.topic": f"__history-{name}",
        "schema.history.internal.store.only.captured.tables.ddl": "true",
    }


def await_mark(database, broker, connect, connectors, mark):
    """Writes a row to the table `done` and waits until every connector has passed it: what was
    committed before is in Kafka then."""
    database.run(f"INSERT INTO done VALUES ('{mark}');")
    wanted = {f"{connector}.{database.schema}.done" for connector in connectors}
    deadline = time.monotonic() + 120
    while wanted:
        ends = {at: end for at, end in broker.ends().items() if at[0] in wanted}
        for message in broker.messages(ends):
            if message.value() and mark.encode() in message.value():
                wanted.discard(message.topic())
        for connector in connectors:
            connect.await_running(connector)
        assert time.monotonic() < deadline, f"no word of `{mark}` from {wanted}"
    # What they wrote to other kafka_topics at the same time.
    time.sleep(2)
