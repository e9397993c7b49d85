"""What the tests stand on: the real broker, the real object store, the binary, empty lakes.

A part that cannot be had here is a skip with its reason, and a failure where CI is set.
"""

import contextlib
import os
import shutil
import subprocess

import pytest

from places import REPOSITORY, free_ports, kafka_topics
from program import Huiliu
from registry import SchemaRegistry
from s3client import Account
from services import Broker, ObjectStore


# Files that take longest, longest first: begun last, one would keep its worker when the others rest.
LONGEST = [
    "test_mirror", "test_exactly_once", "test_load", "test_ops_live", "test_avro", "test_faults",
    "test_quarantine", "test_maintain", "test_readme", "test_bad_input",
]  # fmt: skip


def pytest_collection_modifyitems(items):
    """Brings the files that take longest to the front."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def missing(reason):
    """Ends the test: a skip for a person at a desk, a failure for CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """One Apache Kafka broker for the whole run."""
    service = Broker(tmp_path_factory.mktemp("kafka"), free_ports(2))
    try:
        service.start()
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"no Kafka broker: {error}")
    yield service
    service.stop()


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """One schema registry (Apicurio, by the API of Confluent's) for the whole run."""
    service = SchemaRegistry(tmp_path_factory.mktemp("registry"), free_ports(1))
    try:
        service.start()
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"no schema registry: {error}")
    yield service
    service.stop()


@pytest.fixture
def topics(broker):
    """Names of every kafka_topic that the pipelines read; those of the last test are removed."""
    broker.delete_all()
    return kafka_topics()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    """The account of one S3 server for the whole run, with its bucket."""
    service = ObjectStore(tmp_path_factory.mktemp("s3"), free_ports(8))
    try:
        service.start()
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"no S3 server: {error}")
    yield Account(service.endpoint, "lake", "huiliu-test-key", "huiliu-test-secret")
    service.stop()


@pytest.fixture(scope="session")
def binary():
    target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
    path = os.environ.get("HUILIU_BIN", f"{target}/release/huiliu")
    if not os.access(path, os.X_OK):
        missing(f"no binary at {path}: cargo build --release -p huiliu, or set HUILIU_BIN")
    return path


@pytest.fixture(scope="session")
def promtool():
    found = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not found:
        missing("no promtool: ops/setup/prometheus.sh prints the path of one")
    return found


@pytest.fixture
def huiliu(binary, tmp_path):
    """The binary with an empty lake in a temporary folder; what it starts is ended at the end."""
    program = Huiliu(binary, tmp_path / "work", str(tmp_path / "lake"))
    yield program
    program.kill_all()


@pytest.fixture
def huiliu_s3(binary, tmp_path, s3):
    """The same with its lake in the S3 bucket, in a folder of this test's own."""
    lake = f"s3://{s3.bucket}/{tmp_path.name}"
    program = Huiliu(binary, tmp_path / "work", lake, s3)
    yield program
    program.kill_all()


@contextlib.contextmanager
def one_lake(broker, binary, tmp_path_factory):
    """A lake that several tests of one module read; a fixture of the module wraps it."""
    broker.delete_all()
    directory = tmp_path_factory.mktemp("city")
    program = Huiliu(binary, directory / "work", str(directory / "lake"))
    yield program
    program.kill_all()
