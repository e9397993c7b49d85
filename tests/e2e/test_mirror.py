"""A live database, mirrored: random transactions while connectors, broker and huiliu are restarted
and killed; at the end every table of the lake is the database's, row by row, column by column.

HUILIU_E2E_MIRROR_SECONDS says how long the writers write (60; MariaDB's a third of it),
HUILIU_E2E_SEED replays what they say.
"""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from conftest import missing
from databases import MariaDb, Postgres
from debezium import (
    await_mark,
    in_avro,
    mariadb_connector,
    postgres_connector,
    recommended,
)
from history import (
    Column,
    Table,
    Writer,
    amount,
    binary,
    boolean,
    code,
    day,
    document,
    double,
    finite,
    in_base64,
    instant,
    integer,
    local,
    moment,
    moment_of_2000,
    one_of,
    or_infinite,
    quoted,
    tame,
    truth,
    wild,
    words,
    write_for,
)
from lake import Lake, progress
from places import REPOSITORY, free_ports
from program import drain, eventually, messages
from services import Connect

SECONDS = int(os.environ.get("HUILIU_E2E_MIRROR_SECONDS", "60"))
SEED = int(os.environ.get("HUILIU_E2E_SEED", random.SystemRandom().randrange(1 << 32)))
WRITERS = 3

# What of a connector's settings a contract has to say.
SAID = {"decimal_handling": "string", "time_precision": "microseconds"}
# The embedded schema says it by itself; the rest is as Debezium comes.
SCHEMA = {
    "topic.creation.default.partitions": "3",
    "value.converter.schemas.enable": "true",
    "value.converter.replace.null.with.default": "false",
}


def account_columns():
    return [
        Column("id", "integer", "integer", None, int, nullable=False),
        Column("户名", "text", "string", tame, lake="holder", nullable=False),
        Column("memo", "text", "string", wild, encoding="verbatim"),
        Column("balance", "numeric(14, 2)", "decimal(14, 2)", amount(14, 2), Decimal),
        Column("exact", "numeric", "decimal(38, 10)", amount(30, 10), Decimal),
        Column("ratio", "double precision", "double", double, float),
        Column("开户日期", "date", "date", or_infinite(day), finite(date.fromisoformat), "opened"),
        Column("paid_at", "timestamp", "timestamp", or_infinite(moment), finite(local)),
        Column("updated_at", "timestamptz", "timestamp", moment, instant, nullable=False),
        Column("active", "boolean", "boolean", boolean, truth),
        Column("level", "smallint", "integer", integer(16), int),
        Column("big", "bigint", "long", integer(64), int),
        Column("status", "state DEFAULT '欠'", "string", one_of("正常", "欠", "closed")),
        Column("code", "uuid", "string", code),
        Column("photo", "bytea", "string", binary, in_base64, encoding="verbatim"),
        Column("extra", "jsonb", "string", document, json.loads, encoding="verbatim"),
        Column("tags", "text[]", "string", words, json.loads, encoding="verbatim"),
    ]


def bill_columns():
    return [
        Column("account_no", "varchar(20)", "string", None, nullable=False),
        Column("bill_month", "date", "date", None, date.fromisoformat, nullable=False),
        Column("金额", "numeric(14, 2)", "decimal(14, 2)", amount(14, 2), Decimal, "amount"),
        Column("due", "timestamp(3)", "timestamp", moment, local),
        Column("paid_at", "timestamp(6)", "timestamp", moment, local),
        Column("note", "varchar(2000) DEFAULT '无'", "string", tame),
        Column("exact", "numeric(38, 10)", "decimal(38, 10)", amount(30, 10), Decimal),
    ]


POSTGRES = [
    Table("account", ["id"], account_columns()),
    Table("account_full", ["id"], account_columns()),
    Table("bill", ["account_no", "bill_month"], bill_columns()),
]
MARIADB = [
    Table(
        "account",
        ["id"],
        [
            Column("id", "integer", "integer", None, int, nullable=False),
            Column("户名", "varchar(100)", "string", tame, lake="holder", nullable=False),
            Column("memo", "text", "string", wild, encoding="verbatim"),
            Column("balance", "decimal(14, 2)", "decimal(14, 2)", amount(14, 2), Decimal),
            Column("ratio", "double", "double", double, float),
            Column("开户日期", "date", "date", day, date.fromisoformat, "opened"),
            Column("paid_at", "datetime(6)", "timestamp", moment, local),
            Column("updated_at", "timestamp(6) NULL", "timestamp", moment_of_2000, instant),
            Column("active", "boolean", "boolean", boolean, truth),
            Column("big", "bigint", "long", integer(64), int),
            Column("status", "enum('正常', '欠') DEFAULT '欠'", "string", one_of("正常", "欠")),
        ],
    ),
    Table(
        "bill",
        ["account_no", "bill_month"],
        [
            Column("account_no", "varchar(20)", "string", None, nullable=False),
            Column("bill_month", "date", "date", None, date.fromisoformat, nullable=False),
            Column("金额", "decimal(14, 2)", "decimal(14, 2)", amount(14, 2), Decimal, "amount"),
            Column("due", "datetime(3)", "timestamp", moment, local),
            Column("note", "varchar(200) DEFAULT '无'", "string", tame),
        ],
    ),
]


def key_of(writer):
    """Makes keys that only this writer uses: numbers of its remainder, accounts of its letter. They
    are few, so that a key is often one that was there before."""

    def make(chance, table):
        number = chance.randrange(200) * WRITERS + writer
        if table.key == ["id"]:
            return (str(number),)
        month = f"2020-{chance.randrange(1, 13):02}-01"
        return (quoted(f"户{writer}{number % 40:03}"), quoted(month))

    return make


# Rows that every writer updates.
HOT = {
    "account": [("-1",), ("-2",)],
    "account_full": [("-1",)],
    "bill": [("'hot'", "'2020-01-01'")],
}


class Mirror:
    """A database with its connectors, and the lake that huiliu makes of them."""

    def __init__(self, database, tables, broker, connect, huiliu):
        self.database = database
        self.tables = tables
        self.broker = broker
        self.connect = connect
        self.huiliu = huiliu
        self.lake = Lake(huiliu.lake)
        self.connectors = []
        self.datasets = {}

    def declare(self, connector, tables, said):
        """Contracts for tables that a connector reads."""
        folder = self.huiliu.directory / "contracts" / "pool"
        folder.mkdir(parents=True, exist_ok=True)
        (self.huiliu.directory / "subjects").mkdir(exist_ok=True)
        if connector not in self.connectors:
            self.connectors.append(connector)
            schema = self.database.schema
            # huiliu does not begin with kafka_topics that are not there.
            self.broker.create([f"{connector}.{schema}.{table.name}" for table in tables], 3)
        for table in tables:
            kafka_topic = f"{connector}.{self.database.schema}.{table.name}"
            dataset = f"{connector}_{table.name}"
            self.datasets[dataset] = table, kafka_topic
            (folder / f"{dataset}.yaml").write_text(table.contract(dataset, kafka_topic, said))
        self.huiliu.point_at(folder.parent, self.huiliu.directory / "subjects")

    def writers(self, preamble=""):
        """Writers that have said some transactions: the rows of the first snapshot."""
        made = [
            Writer(self.database, self.tables, key_of(number), SEED + number, preamble)
            for number in range(WRITERS)
        ]
        for table in self.tables:
            made[0].session.run(table.insert(made[0].chance, HOT[table.name]))
        for writer in made:
            for _ in range(30):
                writer.transaction(HOT)
        return made

    def begin(self, **connectors):
        """Makes the connectors with these settings, waits until their snapshots are noted as
        complete, and starts huiliu."""
        for name, settings in connectors.items():
            self.connect.create(name, settings)
        await_mark(self.database, self.broker, self.connect, connectors, "the beginning")
        for name in connectors:
            self.connect.await_streaming(name)
        return self.huiliu.start(self.broker)

    def disturb(self, process, seconds, acts):
        """Does each act at its share of the time, and gives the process that runs at the end."""
        begun = time.monotonic()
        for share, act in sorted(acts.items()):
            time.sleep(max(0, begun + share * seconds - time.monotonic()))
            print(f"{share:.2f} {act.__name__}")
            process = act(process) or process
        return process

    def restart_connectors(self, _):
        for connector in self.connectors:
            self.connect.restart(connector)

    def kill_connect(self, _):
        """The worker, at once: what its connectors had not noted they read and write again."""
        pid = int((pathlib.Path(self.connect.directory) / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        self.connect.start()

    def restart_broker(self, process):
        self.broker.stop()
        time.sleep(1)
        self.broker.start()
        assert process.poll() is None, f"the broker's restart ended it:\n{messages(process)}"

    def kill_huiliu(self, process):
        process.kill()
        process.wait()
        return self.huiliu.start(self.broker)

    def take_snapshot(self, _):
        """An incremental snapshot of what the first connector reads, while rows change."""
        tables = [f"{self.database.schema}.account", f"{self.database.schema}.account_full"]
        said = json.dumps({"data-collections": tables})
        sql = f"INSERT INTO debezium_signal VALUES ('again', 'execute-snapshot', {quoted(said)});"
        self.database.run(sql)

    def truncate(self, _):
        """Empties a table while others write to it."""
        self.database.run("TRUNCATE TABLE bill;")

    def finish(self, process, mark="the end"):
        """Waits until everything is in Kafka and in `changes`, and folds the rest."""
        await_mark(self.database, self.broker, self.connect, self.connectors, mark)
        topics = {kafka_topic for _, kafka_topic in self.datasets.values()}
        ends = {at: end for at, end in self.broker.ends().items() if at[0] in topics and end}
        eventually(lambda: self.recorded() == ends, 120, process)
        assert drain(process) == 0, messages(process)
        self.huiliu.run_once(self.broker)
        assert self.recorded() == ends
        return sum(ends.values())

    def recorded(self):
        found = {}
        for dataset in self.datasets:
            if self.lake.exists(f"changes/{dataset}"):
                for name, offset in progress(self.lake.commits(f"changes/{dataset}")).items():
                    kafka_topic, _, partition = name.rpartition("/")
                    if kafka_topic == self.datasets[dataset][1] and offset:
                        found[kafka_topic, int(partition)] = offset
        return found

    def compare(self):
        """Holds every table of the lake against the database. Returns the number of cells."""
        cells = 0
        for dataset, (table, _) in self.datasets.items():
            assert not self.rejects(dataset), f"{dataset}: {self.rejects(dataset)}"
            expected = {}
            for row in self.database.rows(table.name):
                read = {
                    column.column: None if row[name] is None else column.read(row[name])
                    for name, column in table.columns.items()
                }
                expected[tuple(read[name] for name in table.key)] = read
            held = self.current(dataset, table)
            missed, extra = expected.keys() - held.keys(), held.keys() - expected.keys()
            assert not missed and not extra, f"{dataset}: without {missed}, too many {extra}"
            wrong = [
                f"{key} {name}: {held[key][name]!r:.200} instead of {value!r:.200}"
                for key, row in expected.items()
                for name, value in row.items()
                if held[key][name] != value
            ]
            assert not wrong, f"{dataset}: {len(wrong)} cells differ:\n" + "\n".join(wrong[:20])
            assert len(expected) > 20, f"{dataset}: only {len(expected)} rows to compare"
            cells += len(expected) * len(table.columns)
        return cells

    def current(self, dataset, table):
        names = [column.column for column in table.columns.values()]
        parsed = {c.column for c in table.columns.values() if c.read is json.loads}
        rows = self.lake.delta(f"current/{dataset}").to_pyarrow_table(columns=names).to_pylist()
        for row in rows:
            row |= {name: json.loads(row[name]) for name in parsed if row[name] is not None}
        held = {tuple(row[name] for name in table.key): row for row in rows}
        assert len(held) == len(rows), f"{dataset}: a key stands twice"
        return held

    def rejects(self, dataset):
        """How many records were refused for which reason and field."""
        rows = self.lake.rows(f"quarantine/{dataset}", ["reason", "field"])
        return Counter(zip(rows["reason"], rows["field"]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connector in self.connectors:
            self.connect.delete(connector)


def started(service, name):
    try:
        service.start()
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"no {name}: {error}")
    return service


@pytest.fixture(scope="module")
def connect(broker, tmp_path_factory):
    """One Kafka Connect worker with Debezium's connectors for the tests of this file."""
    directory = tmp_path_factory.mktemp("connect")
    service = started(Connect(directory, free_ports(1), broker.servers), "Kafka Connect")
    yield service
    service.stop()


@pytest.fixture
def postgres(tmp_path):
    service = started(Postgres(tmp_path / "postgres", free_ports(1)), "PostgreSQL")
    yield service
    service.discard()


@pytest.fixture
def mariadb(tmp_path):
    service = started(MariaDb(tmp_path / "mariadb", free_ports(1)), "MariaDB")
    yield service
    service.discard()


@pytest.fixture
def standby(tmp_path):
    service = started(Postgres(tmp_path / "standby", free_ports(1)), "PostgreSQL")
    yield service
    service.discard()


DEFINITIONS = (
    "CREATE TYPE state AS ENUM ('正常', '欠', 'closed');"
    + "".join(table.create() for table in POSTGRES)
    + "ALTER TABLE account ALTER memo SET STORAGE EXTERNAL;"
    "ALTER TABLE account_full ALTER memo SET STORAGE EXTERNAL;"
    "ALTER TABLE account_full REPLICA IDENTITY FULL;"
    "CREATE TABLE done (mark text PRIMARY KEY);"
    "CREATE TABLE debezium_signal"
    " (id varchar(42) PRIMARY KEY, type varchar(32), data varchar(2048));"
    "CREATE PUBLICATION everything FOR ALL TABLES;"
)
READ = "public.account,public.account_full,public.debezium_signal,public.done"


def without_defaults(table):
    """The table without columns that have a default: the converter to Avro writes it for a null."""
    columns = [column for column in table.columns.values() if "DEFAULT" not in column.type]
    return Table(table.name, table.key, columns)


def test_a_postgresql_is_mirrored_to_the_last_row(
    broker, topics, connect, registry, postgres, huiliu
):
    print(f"\nseed {SEED}: {SECONDS} s")
    postgres.run(DEFINITIONS)
    account, account_full, bill = POSTGRES
    plain = postgres_connector(postgres, "plain", READ, recommended("postgres"))
    typed = postgres_connector(postgres, "typed", "public.bill,public.done", SCHEMA)
    read = "public.account,public.bill,public.done"
    avro = postgres_connector(postgres, "avro", read, in_avro(registry))
    huiliu.registry = registry.url
    with Mirror(postgres, POSTGRES, broker, connect, huiliu) as mirror:
        mirror.declare("plain", [account, account_full], SAID)
        mirror.declare("typed", [bill], {})
        both = [without_defaults(table) for table in [account, bill]]
        mirror.declare("avro", both, {"format": "debezium_avro"})
        writers = mirror.writers()
        process = mirror.begin(plain=plain, typed=typed, avro=avro)
        finish = write_for(SECONDS, writers, HOT)
        process = mirror.disturb(
            process,
            SECONDS,
            {
                0.15: mirror.take_snapshot,
                0.2: mirror.truncate,
                0.25: mirror.restart_connectors,
                0.4: mirror.restart_broker,
                0.6: mirror.kill_huiliu,
                0.75: mirror.kill_connect,
                0.9: mirror.kill_huiliu,
            },
        )
        finish()
        records = mirror.finish(process)
        said = sum(writer.said for writer in writers)
        print(f"{said} statements, {records} records, {mirror.compare()} cells are equal")


def test_a_server_whose_log_begins_anew_is_mirrored_under_a_new_epoch(
    broker, topics, connect, postgres, standby, huiliu
):
    seconds = SECONDS / 12
    print(f"\nseed {SEED}: twice {seconds} s")
    postgres.run(DEFINITIONS)
    tables = POSTGRES[:2]
    with Mirror(postgres, tables, broker, connect, huiliu) as mirror:
        mirror.declare("moved", tables, SAID)
        writers = mirror.writers()
        settings = postgres_connector(postgres, "moved", READ, recommended("postgres"))
        process = mirror.begin(moved=settings)
        write_for(seconds, writers, HOT)()
        mirror.finish(process)
        mirror.compare()

        postgres.copy_to(standby)
        ends = postgres.position()["lsn"], standby.position()["lsn"]
        assert ends[1] < ends[0], "the log of the new server is longer: nothing was tested"
        standby.run("UPDATE account SET balance = -balance, status = '欠' WHERE id % 2 = 0;")
        for writer in writers:
            writer.go_on_at(standby)
        mirror.database = standby
        mirror.declare("moved", tables, SAID | {"epoch": 1})
        settings = postgres_connector(standby, "moved", READ, recommended("postgres"))
        connect.begin_anew("moved", settings)
        process = huiliu.start(broker)
        write_for(seconds, writers, HOT)()
        mirror.finish(process, "the new end")
        print(f"log ends {ends}, {mirror.compare()} cells are equal")


def test_a_mariadb_is_mirrored_to_the_last_row(broker, topics, connect, mariadb, huiliu):
    seconds = SECONDS / 3
    print(f"\nseed {SEED}: {seconds} s")
    # Names and texts of the standard, and no locks on rows that are not there, as in PostgreSQL.
    standard = (
        "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES';"
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;\n"
    )
    mariadb.run(
        standard
        + "".join(table.create() for table in MARIADB)
        + "CREATE TABLE done (mark varchar(20) PRIMARY KEY);"
    )
    tables = "city.account,city.bill,city.done"
    with Mirror(mariadb, MARIADB, broker, connect, huiliu) as mirror:
        mirror.declare("maria", MARIADB, SAID)
        writers = mirror.writers(standard)
        settings = recommended("mariadb")
        settings = mariadb_connector(mariadb, "maria", tables, settings, broker.servers)
        process = mirror.begin(maria=settings)
        finish = write_for(seconds, writers, HOT)
        acts = {
            0.2: mirror.truncate,
            0.3: mirror.restart_connectors,
            0.6: mirror.kill_huiliu,
            0.7: mirror.kill_connect,
        }
        process = mirror.disturb(process, seconds, acts)
        finish()
        records = mirror.finish(process)
        said = sum(writer.said for writer in writers)
        print(f"{said} statements, {records} records, {mirror.compare()} cells are equal")


def test_the_contract_of_the_guide_is_valid(huiliu):
    guide = (REPOSITORY / "docs" / "debezium.md").read_text()
    (contract,) = re.findall(r"```yaml\n(dataset: (\w+).*?)```", guide, re.DOTALL)
    pipelines, sql = huiliu.directory / "contracts", huiliu.directory / "subjects"
    (pipelines / "pool").mkdir(parents=True)
    sql.mkdir()
    (pipelines / "pool" / f"{contract[1]}.yaml").write_text(contract[0])
    huiliu.point_at(pipelines, sql)
    huiliu.run("validate")
