"""Planted secrets: whatever is done with a lake under keys, none is in any byte that is left.

The same search is first made on a plain lake, where it has to find them.
"""

import json
import os
import pathlib

import pyarrow.parquet as pq
import pytest

from planting import LOW_ENTROPY, Planter, datasets, resident
from places import REPOSITORY
from program import Huiliu, drain, eventually, get, messages

TOKEN_KEY, ENCRYPT_KEY = "5a" * 32, "c3" * 16


class Site:
    """One installation with all it can write to: lake, working folder, temporary folder, what it
    says. Delivered files lie outside."""

    def __init__(self, binary, folder, protection):
        self.root = folder / "searched"
        self.delivered = folder / "delivered"
        self.delivered.mkdir()
        self.huiliu = Huiliu(binary, self.root / "work", str(self.root / "lake"))
        self.temporary = self.root / "tmp"
        self.temporary.mkdir()
        self.huiliu.protection = protection
        self.huiliu.environment |= {
            "TMPDIR": str(self.temporary), "RUST_LOG": "debug", "USER": "operator",
        }  # fmt: skip
        # Keys lie outside too: they are secrets, and the one thing that has to be somewhere.
        for name, key in {"token": TOKEN_KEY, "encrypt": ENCRYPT_KEY}.items():
            (folder / name).write_text(key)
        keys = (
            f'keys: {{id: k1, token: {{secret: "file:{folder}/token"}}, '
            f'encrypt: {{secret: "file:{folder}/encrypt"}}}}\n'
        )
        (self.huiliu.directory / "huiliu.yaml").write_text(
            f"pipelines: {REPOSITORY / 'pipelines'}\nsql: {REPOSITORY / 'sql'}\n"
            f"lake: {self.huiliu.lake}\nprotection: {protection}\n"
            + (keys if protection == "keys" else "")
        )
        self.said = self.root / "said"
        self.said.mkdir()

    def run(self, *arguments, expect=0):
        done = self.huiliu.run(*arguments, expect=expect)
        name = self.said / f"{len(os.listdir(self.said)):04}"
        name.write_bytes(" ".join(map(str, arguments)).encode() + done.stdout + done.stderr)
        return done

    def keep(self, name, text):
        (self.said / name).write_text(text)

    def load(self, dataset, records):
        path = self.delivered / f"{dataset.name}.jsonl"
        path.write_bytes(b"\n".join(records) + b"\n")
        # A file of which no row is accepted ends with a code of its own.
        self.run("load", dataset.name, path, "--output", "json", expect=None)

    def use(self):
        """Everything else that reads what was written, and says something about it."""
        self.run("refresh", "--as-of", "2020-06-20", expect=None)
        self.run("status", "--offline")
        self.run("status", "--offline", "--output", "json")
        self.run("quarantine", "list")
        # One that has no secret of its own stands for all of these.
        for dataset in [d for d in datasets() if d.secret_fields or d.name == "le_annual_report"]:
            name = dataset.name
            self.run("query", f"SELECT * FROM current.{name}", "--output", "ndjson")
            self.run("query", f"SELECT nothing FROM changes.{name}", expect=None)
            self.run("quarantine", "show", name)
            self.run("quarantine", "show", name, "--output", "json")
            self.run("quarantine", "export", name, "--to", self.root / f"{name}.csv")
            self.run("quarantine", "replay", name, "--all", expect=None)

    def found(self, secrets):
        """`{secret: {place}}` over every byte below the root and every value of every column."""
        found = {}
        needles = {s: {s.encode(), json.dumps(s)[1:-1].encode()} for s in secrets}
        for path in sorted(p for p in self.root.rglob("*") if p.is_file()):
            place = str(path.relative_to(self.root))
            for content in contents(path):
                for secret, forms in needles.items():
                    if any(form in content for form in forms):
                        found.setdefault(secret, set()).add(place)
        return found


def contents(path):
    """The bytes of a file; of Parquet also the footer's statistics and each column's values."""
    yield str(path).encode()
    yield path.read_bytes()
    if path.suffix == ".parquet":
        file = pq.ParquetFile(path)
        yield str(file.schema_arrow.metadata).encode() + str(file.schema_arrow).encode()
        yield statistics(file)
        for column in file.read().columns:
            yield b"\n".join(map(as_bytes, column.unique().to_pylist()))


def statistics(file):
    groups = (file.metadata.row_group(g) for g in range(file.metadata.num_row_groups))
    chunks = (group.column(c) for group in groups for c in range(group.num_columns))
    known = (chunk.statistics for chunk in chunks if chunk.statistics)
    return b"\n".join(as_bytes(v) for s in known if s.has_min_max for v in (s.min, s.max))


def as_bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def planted():
    planter = Planter()
    return planter, {dataset.name: planter.records(dataset) for dataset in datasets()}


@pytest.fixture
def site(binary, tmp_path):
    made = []

    def make(protection):
        (tmp_path / protection).mkdir()
        made.append(Site(binary, tmp_path / protection, protection))
        return made[-1]

    yield make
    for one in made:
        one.huiliu.kill_all()


def told(found, planter):
    origin = planter.clean | planter.broken
    lines = [f"{secret} ({origin[secret]}): {sorted(at)[:4]}" for secret, at in found.items()]
    return f"{len(lines)} secrets are readable:\n" + "\n".join(lines[:60])


def test_the_search_finds_what_a_plain_lake_keeps(site, planted):
    planter, records = planted
    plain = site("plain")
    for dataset in datasets():
        if dataset.secret_fields:
            plain.load(dataset, records[dataset.name])
    # Of a record that does not decode quarantine has the bytes as they came.
    raw = {s: at for s, at in planter.broken.items() if at.endswith(": undecodable")}
    loaded = {dataset.name for dataset in datasets() if dataset.secret_fields}
    expected = planter.clean | {s: at for s, at in raw.items() if at.split(":")[0] in loaded}
    found = plain.found(expected)
    unseen = {secret: at for secret, at in expected.items() if secret not in found}
    assert not unseen
    places = {tuple(at.split("/")[:2]) for at in set().union(*found.values())}
    assert {("lake", "changes"), ("lake", "current"), ("lake", "quarantine")} <= places


def test_no_secret_of_a_loaded_file_is_readable_under_keys(site, planted):
    planter, records = planted
    keyed = site("keys")
    for dataset in datasets():
        keyed.load(dataset, records[dataset.name])
    keyed.use()
    found = keyed.found(planter.clean | planter.broken)
    assert not found, told(found, planter)
    assert_shapes(keyed)


def assert_shapes(site):
    """A secret column is there sealed, and as a token where it is one; never as it came."""
    for dataset in datasets():
        for table in ["changes", "current"]:
            files = list((site.root / "lake" / table / dataset.name).rglob("part-*.parquet"))
            for file in files:
                schema = pq.ParquetFile(file).schema_arrow
                for field in dataset.secret_fields:
                    assert str(schema.field(f"{field.name}_enc").type) == "binary"
                    if field.type != "string":
                        assert field.name not in schema.names, (file, field.name)
    assert any(f.type in LOW_ENTROPY for d in datasets() for f in d.secret_fields)


def test_no_secret_of_a_kafka_record_is_readable_under_keys(broker, topics, site, planted):
    planter, records = planted
    keyed = site("keys")
    broker.create(topics)
    for dataset in datasets():
        values = [*records[dataset.name], None]
        keys = [json.dumps({"key": planter.person("the Kafka key")}).encode() for _ in values]
        broker.publish(dataset.kafka_topic, list(zip(keys, values)))
    keyed.run("run", "--once", "--bootstrap-servers", broker.servers)
    process, port = keyed.huiliu.start_served(broker)
    eventually(lambda: get(port, "/readyz")[0] == 200, 60, process)
    for page in ["metrics", "healthz", "readyz", "statusz"]:
        keyed.keep(page, get(port, f"/{page}")[1])
    assert drain(process) == 0, messages(process)
    found = keyed.found(planter.clean | planter.broken)
    assert not found, told(found, planter)


class Rotated:
    """An installation whose settings change between runs; one dataset is loaded."""

    def __init__(self, huiliu):
        self.huiliu = huiliu
        huiliu.environment["USER"] = "operator"
        keys = {"token": "1" * 64, "other": "2" * 64, "first": "3" * 32, "second": "4" * 32}
        for name, digits in keys.items():
            (huiliu.directory / name).write_text(digits)

    def say(self, keys):
        (self.huiliu.directory / "huiliu.yaml").write_text(
            f"pipelines: {REPOSITORY / 'pipelines'}\nsql: {REPOSITORY / 'sql'}\n"
            f"lake: {self.huiliu.lake}\nprotection: keys\nkeys: {keys}\n"
        )

    def load(self, row, expect=0):
        envelope = {"v": 1, "ds": "np_person", "op": "c", "seq": 1, "src": {}, "after": row}
        path = self.huiliu.directory / f"{row['citizen_id']}.jsonl"
        path.write_text(json.dumps(envelope, ensure_ascii=False) + "\n")
        return self.huiliu.run("load", "np_person", path, expect=expect)

    def reveal(self, row, expect=0):
        done = self.huiliu.run(
            "reveal", "np_person", "--key", f"citizen_id={row['citizen_id']}",
            "--purpose", "test", "--output", "json", expect=expect,
        )  # fmt: skip
        return json.loads(done.stdout)["values"]["address"] if expect == 0 else done.stderr.decode()


def pair(identity, token, encrypt, older=""):
    secret = '{{secret: "file:{}"}}'.format
    return f"{{id: {identity}, token: {secret(token)}, encrypt: {secret(encrypt)}{older}}}"


OLDER = ', older: [{id: %s, encrypt: {secret: "file:first"}}]'


def test_values_sealed_before_a_rotation_open_until_their_key_is_dropped(huiliu):
    before = {"citizen_id": resident(1), "address": "重庆市渝中区旧钥路1号"}
    after = {"citizen_id": resident(2), "address": "重庆市渝中区新钥路2号"}
    site = Rotated(huiliu)
    site.say(pair("hub-1", "token", "first"))
    site.load(before)
    site.say(pair("hub-2", "token", "second", OLDER % "hub-1"))
    site.load(after)
    for row in [before, after]:
        assert site.reveal(row) == row["address"]

    site.say(pair("hub-2", "token", "second"))
    assert site.reveal(after) == after["address"]
    said = site.reveal(before, expect=78)
    # The first bytes of SM3("huiliu/key/1|hub-1"), by openssl.
    assert "f4384933" in said and "keys.older" in said
    assert before["address"] not in said


def test_a_lake_keeps_its_token_key(huiliu):
    row = {"citizen_id": resident(3), "address": "重庆市渝中区新钥路3号"}
    site = Rotated(huiliu)
    site.say(pair("hub-1", "token", "first"))
    site.load(row)
    site.say(pair("hub-2", "other", "second", OLDER % "hub-1"))
    said = site.load(row | {"citizen_id": resident(4)}, expect=78).stderr.decode()
    assert "token key" in said and "new lake" in said
    # Nor does a dataset bring another key that is loaded for the first time.
    path = huiliu.directory / "account.jsonl"
    path.write_text('{"v": 1, "ds": "water_account", "op": "c", "seq": 1, "src": {}, "after": {}}')
    huiliu.run("load", "water_account", path, expect=78)


def test_two_keys_of_one_id_are_refused(huiliu):
    site = Rotated(huiliu)
    site.say(pair("hub-1", "token", "second", OLDER % "hub-1"))
    assert "two keys have the id `hub-1`" in huiliu.run("validate", expect=78).stderr.decode()
