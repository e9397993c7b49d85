"""Records what Debezium's real connectors write, as golden files for crates/decode.

    $(ops/setup/python.sh)/bin/python tests/e2e/record_debezium.py [postgres|mariadb]

runs crates/decode/tests/data/debezium/*.sql against a fresh database, with a broker, a Connect
worker and one connector per way of writing values, and replaces the `.ndjson` files beside them.
Times and log positions differ from one recording to the next; what PostgreSQL held is recorded
from PostgreSQL.
"""

import json
import pathlib
import re
import sys
import tempfile
import time

from databases import MariaDb, Postgres
from debezium import await_mark, mariadb_connector, postgres_connector
from places import REPOSITORY, free_ports
from services import Broker, Connect

GOLDEN = REPOSITORY / "crates" / "decode" / "tests" / "data" / "debezium"

# One connector each: its name, after which the file is called, its tables, and what differs
# from debezium.PLAIN.
TYPES = "public.times,public.numbers,public.others,public.done"
TIMES = "public.times,public.done"
POSTGRES = {
    "changes": (
        "public.resident,public.resident_full,public.bill,public.keyless,public.signal,public.done",
        {
            "skipped.operations": "none",
            "provide.transaction.metadata": "true",
            "heartbeat.interval.ms": "700",
            "signal.data.collection": "public.signal",
            "incremental.snapshot.chunk.size": "2",
        },
    ),
    "schema": (
        "public.resident,public.times,public.numbers,public.others,public.done",
        {"value.converter.schemas.enable": "true", "key.converter.schemas.enable": "true"},
    ),
    "types-default": (TYPES, {}),
    "types-string": (
        TYPES,
        {
            "decimal.handling.mode": "string",
            "time.precision.mode": "adaptive_time_microseconds",
            "binary.handling.mode": "base64",
            "interval.handling.mode": "string",
        },
    ),
    "types-double": (
        TYPES,
        {
            "decimal.handling.mode": "double",
            "time.precision.mode": "connect",
            "binary.handling.mode": "hex",
        },
    ),
    "times-isostring": (TIMES, {"time.precision.mode": "isostring"}),
    "times-microseconds": (TIMES, {"time.precision.mode": "microseconds"}),
    "times-nanoseconds": (TIMES, {"time.precision.mode": "nanoseconds"}),
}

MARIADB = {
    "mariadb-changes": (
        "city.resident,city.bill,city.done",
        {"skipped.operations": "none", "provide.transaction.metadata": "true"},
    ),
    "mariadb-types-default": ("city.kinds,city.done", {"include.schema.changes": "false"}),
    "mariadb-types-string": (
        "city.kinds,city.done",
        {
            "include.schema.changes": "false",
            "decimal.handling.mode": "string",
            "time.precision.mode": "isostring",
            "binary.handling.mode": "base64",
            "bigint.unsigned.handling.mode": "precise",
        },
    ),
    "mariadb-types-double": (
        "city.kinds,city.done",
        {
            "include.schema.changes": "false",
            "decimal.handling.mode": "double",
            "time.precision.mode": "connect",
            "binary.handling.mode": "hex",
        },
    ),
}


def steps(path):
    """`(name, SQL)` of each part of a script."""
    parts = re.split(r"^-- step (\w+)\n", path.read_text(), flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2]))


class Recording:
    """One script, played to one database while its connectors listen."""

    def __init__(self, database, broker, connect):
        self.database = database
        self.broker = broker
        self.connect = connect
        self.states = []

    def play(self, script, tables, connectors, after=None):
        for name, sql in steps(GOLDEN / script):
            self.database.run(sql)
            self.note(name, tables)
            if name == "before":
                for connector, settings in connectors.items():
                    self.connect.create(connector, settings)
                self.mark("started", connectors)
        if after:
            after()
        self.mark("finished", connectors)

    def mark(self, name, connectors):
        await_mark(self.database, self.broker, self.connect, connectors, name)

    def note(self, step, tables):
        """Writes down what each table holds, if it is not what it held before."""
        state = {"step": step} | self.database.position()
        for table in tables:
            rows = self.database.rows(table)
            rows = [{name: shortened(value) for name, value in row.items()} for row in rows]
            if rows != next((s[table] for s in reversed(self.states) if table in s), []):
                state[table] = rows
        self.states.append(state)

    def write(self, connector, file):
        prefixes = (connector, f"heartbeat.{connector}")
        ends = {
            at: end
            for at, end in self.broker.ends().items()
            if at[0].startswith(tuple(f"{prefix}." for prefix in prefixes)) or at[0] in prefixes
        }
        messages = [message for message in self.broker.messages(ends) if is_wanted(message)]
        messages.sort(key=lambda m: (m.topic(), m.partition(), m.offset()))
        write(GOLDEN / f"{file}.ndjson", map(line, messages))

    def write_states(self, file):
        write(GOLDEN / file, (json.dumps(state, ensure_ascii=False) for state in self.states))


def line(message):
    """One record: key and value are the bytes as the connector wrote them, which are JSON."""
    head = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    headers = {name: (value or b"").decode() for name, value in message.headers() or []}
    # Those of every record name the run of the connector and nothing else.
    headers = {name: value for name, value in headers.items() if ".context." not in name}
    if headers:
        head["headers"] = headers
    key, value = ((part or b"null").decode() for part in (message.key(), message.value()))
    assert json.loads(key) is None or message.key(), "a key `null`"
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "key": {key}, "value": {value}}}'


def shortened(value):
    """Of a text that is one character many times over, the character and how often."""
    long = isinstance(value, str) and len(value) > 100
    assert not long or set(value) == {value[0]}, "a long text of several characters"
    return {"repeated": value[0], "times": len(value)} if long else value


def write(path, lines):
    text = "".join(f"{line}\n" for line in lines)
    path.write_text(text)
    print(f"{path.name}: {text.count(chr(10))} lines, {len(text.encode())} bytes")


def record_postgres(database, broker, connect):
    recording = Recording(database, broker, connect)
    connectors = {
        name: postgres_connector(database, name, tables, settings)
        for name, (tables, settings) in POSTGRES.items()
    }
    tables = ["resident", "resident_full", "bill", "keyless", "times", "numbers", "others"]

    def epilogue():
        """An incremental snapshot while rows change, and a truncation."""
        tables_read = '{"data-collections": ["public.resident", "public.bill"]}'
        database.run(f"INSERT INTO signal VALUES ('ad-hoc', 'execute-snapshot', '{tables_read}');")
        database.run("UPDATE resident SET amount = amount + 1 WHERE id = 20;")
        time.sleep(5)
        recording.note("incremental_snapshot", tables)
        database.run("TRUNCATE bill, keyless;")
        recording.note("truncate", tables)

    recording.play("postgres.sql", tables, connectors, epilogue)
    for name in connectors:
        recording.write(name, f"postgres-{name}")
        connect.delete(name)
    recording.write_states("postgres.state.ndjson")


def record_mariadb(database, broker, connect):
    recording = Recording(database, broker, connect)
    connectors = {
        name: mariadb_connector(database, name, tables, settings, broker.servers)
        for name, (tables, settings) in MARIADB.items()
    }
    recording.play("mariadb.sql", ["resident", "bill", "kinds"], connectors)
    for name in connectors:
        recording.write(name, name)
        connect.delete(name)
    recording.write_states("mariadb.state.ndjson")


# How many records are kept of what repeats itself.
FEW = {
    "changes.public.signal": 3,
    "changes.transaction": 4,
    "heartbeat.changes": 2,
    "mariadb-changes": 2,
    "mariadb-changes.transaction": 4,
    "schema.public.resident": 5,
    "schema.public.times": 1,
    "schema.public.numbers": 1,
    "schema.public.others": 1,
}


def is_wanted(message):
    """All but the marks of this program, and of what repeats itself the first few; a transaction
    over several tables and the change of a table, wherever they stand."""
    parts = message.topic().split(".")
    if parts[-1] == "done" or (parts[-1] == "message" and parts[0] != "changes"):
        return False
    value = message.value() or b""
    few = FEW.get(message.topic(), 1 << 20)
    return message.offset() < few or b'"event_count":5' in value or b'"type":"ALTER"' in value


def main(kinds):
    with tempfile.TemporaryDirectory(prefix="record-") as folder:
        folder = pathlib.Path(folder)
        ports = free_ports(5)
        broker = Broker(folder / "kafka", ports)
        connect = Connect(folder / "connect", ports + 2, broker.servers)
        databases = {
            "postgres": (Postgres(folder / "postgres", ports + 3), record_postgres),
            "mariadb": (MariaDb(folder / "mariadb", ports + 4), record_mariadb),
        }
        started = []
        try:
            for service in (broker, connect):
                started.insert(0, service)
                service.start()
            for database, record in (databases[kind] for kind in kinds):
                started.insert(0, database)
                database.start()
                record(database, broker, connect)
        finally:
            for service in started:
                (service.discard if hasattr(service, "discard") else service.stop)()


if __name__ == "__main__":
    main(sys.argv[1:] or ["postgres", "mariadb"])
