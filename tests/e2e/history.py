"""Random histories of database tables: several writers at once, each with keys of its own and a few
rows that they all update. A seed fixes what each writer says; how they interleave is the
database's business."""

import base64
import json
import random
import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

SHANGHAI = timezone(timedelta(hours=8))
TAME = "重庆市渝中区解放碑民权路号张王李赵欧阳娜abcXYZ0123456789"
WILD = TAME + " \t\n\"'\\/{}[]:,;&<>%$　😀𠮷é\u200b\u2028"
# More characters than a page of PostgreSQL takes within a row: the value is stored apart.
LARGE = range(700, 1500)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Column:
    """A column: its name and type in the database, its type in the contract, how a value of it is
    made (as an SQL literal) and what its text means; its name in the lake where it is another one,
    and how the contract says its values are written."""

    name: str
    type: str
    contract: str
    make: callable
    read: callable = str
    lake: str = ""
    nullable: bool = True
    encoding: str = ""

    @property
    def column(self):
        return self.lake or self.name

    def literal(self, chance):
        return "NULL" if self.nullable and chance.random() < 0.2 else self.make(chance)


def integer(bits):
    half = 1 << (bits - 1)
    return lambda c: str(c.choice([0, 1, -1, half - 1, -half, c.randrange(-half, half)]))


def amount(precision, scale):
    def make(chance):
        digits = chance.choice([1, 4, precision])
        return str(Decimal(chance.randrange(-(10**digits) + 1, 10**digits)).scaleb(-scale))

    return make


def double(chance):
    exact = chance.choice([0.0, 0.1, 1e300, -5e-324, 16777217.0, chance.uniform(-1e6, 1e6)])
    return f"'{exact!r}'"


def tame(chance):
    return quoted("".join(chance.choices(TAME, k=chance.randrange(1, 12))))


def wild(chance):
    """Any text: empty, strange, or so large that the log leaves it out while it is unchanged."""
    size = chance.choice([0, 3, 20, chance.choice(LARGE), chance.choice(LARGE)])
    return quoted("".join(chance.choices(WILD, k=size)))


def day(chance):
    """No day that the domain takes for "unknown" or "for ever"."""
    return f"'{date(1901, 1, 1) + timedelta(chance.randrange(70_000))}'"


def moment(chance):
    """To the microsecond, often of the first days of 1970, where counts are small."""
    most = chance.choice([86_400, 6_000_000_000])
    since = timedelta(seconds=chance.randrange(most), microseconds=chance.randrange(1_000_000))
    return f"'{(datetime(1970, 1, 2) + since).isoformat(' ')}'"


def moment_of_2000(chance):
    """What MariaDB's `timestamp` has: 1970 to 2037."""
    since = timedelta(days=chance.randrange(24_000), microseconds=chance.randrange(10**10))
    return f"'{(datetime(1970, 1, 2) + since).isoformat(' ')}'"


def or_infinite(make):
    words = ["'infinity'", "'-infinity'"]
    return lambda chance: chance.choice(words) if chance.random() < 0.03 else make(chance)


def boolean(chance):
    return chance.choice(["true", "false"])


def one_of(*words):
    return lambda chance: quoted(chance.choice(words))


def code(chance):
    digits = f"{chance.getrandbits(128):032x}"
    return f"'{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}'"


def binary(chance):
    return f"'\\x{chance.randbytes(chance.choice([0, 1, 16, 3000])).hex()}'"


def document(chance):
    found = {"键": chance.randrange(1000), "b": [chance.random(), None, "值"], "c": {}}
    return quoted(json.dumps(found, ensure_ascii=False))


def words(chance):
    return f"ARRAY[{', '.join(chance.choices(['NULL', quoted('甲'), quoted('b,c')], k=2))}]"


def finite(read):
    return lambda text: None if text.lstrip("-") == "infinity" else read(text)


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def instant(text):
    return datetime.fromisoformat(text).replace(tzinfo=None).replace(tzinfo=UTC)


def truth(text):
    return {"true": True, "false": False, "1": True, "0": False}[text]


def in_base64(text):
    return base64.b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode()


def in_avro(name):
    """A name under Debezium's `field.name.adjustment.mode: avro_unicode`."""
    return re.sub("[^A-Za-z0-9]", lambda found: f"_u{ord(found[0]):04x}", name)


class Table:
    """A table, how its rows are made, and what its keys are."""

    def __init__(self, name, key, columns):
        self.name = name
        self.key = key
        self.columns = {column.name: column for column in columns}

    def create(self):
        """Its definition."""
        lines = [
            f'"{column.name}" {column.type}{"" if column.nullable else " NOT NULL"}'
            for column in self.columns.values()
        ]
        key = ", ".join(self.key)
        return f"CREATE TABLE {self.name} ({', '.join(lines)}, PRIMARY KEY ({key}));\n"

    def contract(self, dataset, kafka_topic, source):
        """Its pipeline file. Names that Avro does not have come adjusted."""
        source = {"format": "debezium_json"} | source
        spelled = in_avro if source["format"] == "debezium_avro" else str
        lines = [
            f"dataset: {dataset}",
            f"title: {self.name}",
            "provider: test",
            "group: pool",
            "source:",
            f"  kafka_topic: {kafka_topic}",
            *(f"  {name}: {word}" for name, word in source.items()),
            "mode: cdc",
            f"key: [{', '.join(self.key)}]",
            "buckets: 4",
            "columns:",
        ]
        for column in self.columns.values():
            said = [f"name: {column.column}", f'title: "{column.name}"']
            said += [f'type: "{column.contract}"']
            sent = spelled(column.name)
            said += [f"from: {sent}"] if sent != column.column else []
            said += [f"encoding: {column.encoding}"] if column.encoding else []
            said += [] if column.nullable else ["required: true"]
            lines.append(f"  - {{{', '.join(said)}, grade: L1}}")
        return "\n".join([*lines, "land:", "  commit_every: 300ms", ""])

    def insert(self, chance, keys):
        rows = []
        for key in keys:
            rest = list(self.columns.values())[len(self.key) :]
            rows.append(f"({', '.join([*key, *(column.literal(chance) for column in rest)])})")
        return f"INSERT INTO {self.name} VALUES {', '.join(rows)};\n"

    def update(self, chance, key):
        rest = list(self.columns.values())[len(self.key) :]
        chosen = chance.sample(rest, chance.randrange(1, 4))
        said = ", ".join(f'"{column.name}" = {column.literal(chance)}' for column in chosen)
        return f"UPDATE {self.name} SET {said} WHERE {self.at(key)};\n"

    def move(self, key, to):
        said = ", ".join(f"{name} = {part}" for name, part in zip(self.key, to))
        return f"UPDATE {self.name} SET {said} WHERE {self.at(key)};\n"

    def delete(self, key):
        return f"DELETE FROM {self.name} WHERE {self.at(key)};\n"

    def at(self, key):
        return " AND ".join(f"{name} = {part}" for name, part in zip(self.key, key))


class Writer:
    """One session that says transactions; keys of a table are tuples of SQL literals."""

    def __init__(self, database, tables, make_key, seed, preamble=""):
        self.session = database.session()
        if preamble:
            self.session.run(preamble)
        self.tables = tables
        self.make_key = make_key
        self.chance = random.Random(seed)
        self.keys = {table.name: set() for table in tables}
        self.said = 0

    def go_on_at(self, database):
        """Goes on with another database that has the same rows."""
        self.session = database.session()

    def transaction(self, hot):
        """Says one transaction; of ten, one is taken back."""
        keys = {name: set(held) for name, held in self.keys.items()}
        statements = [
            self.statement(self.chance.choice(self.tables), keys)
            for _ in range(self.chance.choice([1, 1, 2, 3, 8]))
        ]
        if self.chance.random() < 0.3:
            # Last, and one alone: writers wait for each other here but never in a circle.
            table = self.chance.choice(self.tables)
            statements.append(table.update(self.chance, self.chance.choice(hot[table.name])))
        stays = self.chance.random() < 0.9
        end = "COMMIT;" if stays else "ROLLBACK;"
        self.session.run(f"BEGIN;\n{''.join(statements)}{end}")
        if stays:
            self.keys = keys
            self.said += len(statements)

    def statement(self, table, keys):
        """SQL text for one act on a table, whose keys are brought up to date."""
        held, chance = keys[table.name], self.chance
        act = chance.choice(["insert", "update", "update", "update", "move", "delete", "anew"])
        if act == "insert" or not held:
            new = {self.make_key(chance, table) for _ in range(chance.randrange(1, 4))} - held
            held |= new
            return table.insert(chance, sorted(new)) if new else ""
        key = chance.choice(sorted(held))
        if act == "update":
            return table.update(chance, key)
        if act == "move":
            to = self.make_key(chance, table)
            # Where the new key is taken, its row makes way.
            first = table.delete(to) if to in held and to != key else ""
            held.discard(key)
            held.add(to)
            return first + table.move(key, to)
        if act == "delete":
            held.discard(key)
            return table.delete(key)
        return table.delete(key) + table.insert(chance, [key])


def write_for(seconds, writers, hot, pause=0.02):
    """Lets all writers say transactions in threads of their own; returns a function that waits for
    them and gives what went wrong."""
    until = time.monotonic() + seconds
    failures = []

    def work(writer):
        try:
            while time.monotonic() < until and not failures:
                writer.transaction(hot)
                time.sleep(writer.chance.uniform(0, 2 * pause))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()

    def finish():
        for thread in threads:
            thread.join()
        for writer in writers:
            writer.session.close()
        if failures:
            raise failures[0]

    return finish
