"""What a scenario stands in: brokers, the S3 server, proxies before them, full disks, lakes."""

import contextlib
import pathlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from confluent_kafka.admin import AdminClient, NewTopic

from accounting import check_everything
from lake import Lake, progress
from places import free_ports, kafka_topics
from program import Huiliu, eventually
from proxy import Proxy
from s3client import Account
from services import Broker, ObjectStore


class ProxiedBroker(Broker):
    """A broker that is also reached through a proxy: at `behind.servers`."""

    def __init__(self, directory):
        port = free_ports(3)
        super().__init__(directory, port)
        self.proxy = Proxy(free_ports(1), port + 2)
        self.behind = SimpleNamespace(servers=f"127.0.0.1:{self.proxy.port}")
        directory.mkdir(parents=True)
        listeners = (
            f"listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{port + 2},"
            f"CONTROLLER://127.0.0.1:{port + 1}\n"
        )
        (directory / "extra.properties").write_text(
            listeners
            + f"advertised.{listeners.replace(str(port + 2), str(self.proxy.port))}"
            + "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,"
            "CONTROLLER:PLAINTEXT\n"
        )


class Cluster(Broker):
    """Three brokers, each of them a controller too; a kafka_topic has three replicas."""

    def __init__(self, directory):
        ports = [free_ports(2) for _ in range(3)]
        super().__init__(directory, ports[0])
        self.nodes = [Broker(directory / str(n), port) for n, port in enumerate(ports, start=1)]
        voters = ",".join(f"{n}@127.0.0.1:{port + 1}" for n, port in enumerate(ports, start=1))
        for number, node in enumerate(self.nodes, start=1):
            node.directory.mkdir(parents=True)
            (node.directory / "extra.properties").write_text(
                f"node.id={number}\ncontroller.quorum.voters={voters}\n"
                "offsets.topic.replication.factor=3\ndefault.replication.factor=3\n"
                "min.insync.replicas=2\ncontroller.quorum.election.timeout.ms=1000\n"
                "broker.session.timeout.ms=3000\nreplica.lag.time.max.ms=5000\n"
            )

    @property
    def servers(self):
        return ",".join(node.servers for node in self.nodes)

    def start(self):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(Broker.start, self.nodes))

    def stop(self):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(Broker.stop, self.nodes))

    def create(self, names, partitions=1):
        admin = AdminClient({"bootstrap.servers": self.servers})
        wanted = [NewTopic(name, partitions, 3) for name in names]
        for future in admin.create_topics(wanted).values():
            future.result()
        self._settle(admin, lambda seen: seen >= set(names))


class World:
    """One scenario's own: made from what all share, ended with what it started."""

    def __init__(self, shared, name, chance):
        self.shared, self.name, self.chance = shared, name, chance
        self.folder = shared.folder / f"{name}-{time.monotonic_ns()}"
        self.ending = contextlib.ExitStack()

    @property
    def broker(self):
        return self.shared.broker()

    @property
    def store(self):
        """The proxy before the S3 server."""
        return self.shared.store().proxy

    def cluster(self):
        service = Cluster(self.folder / "cluster")
        self.ending.callback(service.stop)
        service.start()
        return service

    def topics(self, partitions=1, broker=None):
        """Every kafka_topic of the pipelines, empty."""
        broker = broker or self.broker
        broker.delete_all()
        names = kafka_topics()
        broker.create(names, partitions)
        return names

    def huiliu(self, in_store=False, lake=None, commit_every=None):
        """The binary with an empty lake: in a folder, or in the store behind the proxy."""
        account = None
        if in_store:
            account = self.shared.store().account
            lake = f"s3://{account.bucket}/{self.folder.name}"
        work = self.folder / "work"
        program = Huiliu(self.shared.binary, work, str(lake or self.folder / "lake"), account)
        self.ending.callback(program.kill_all)
        if commit_every:
            program.settle(commit_every)
        return program

    def lake(self, huiliu):
        """The lake as others see it: not through the proxy."""
        return Lake(huiliu.lake, self.shared.store().direct if huiliu.account else None)

    def small_disk(self, megabytes):
        """A folder on a disk of its own."""
        place = self.folder / "disk"
        place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "huiliu", place],
                       check=True)  # fmt: skip
        self.ending.callback(subprocess.run, ["umount", "--lazy", place], check=True)

        return place

    def account_for(self, huiliu, broker=None, **settings):
        """Reads what is left in peace; then every offset is accounted for exactly once, and
        `current` equals the independent fold."""
        broker = broker or self.broker
        huiliu.kill_all()
        huiliu.run_once(broker)
        facts = check_everything(broker, self.lake(huiliu), **settings)
        assert facts["offsets"], "nothing was read: nothing was tested"
        return facts

    def reaches(self, huiliu, offsets, seconds, process=None):
        """Waits until so many offsets are durable."""
        lake = self.lake(huiliu)
        eventually(lambda: durable(lake) >= offsets, seconds, process)

    def end(self):
        if self.shared.has_broker:
            self.broker.proxy.calm()
        if self.shared.has_store:
            self.store.calm()
        self.ending.close()


def durable(lake):
    """Number of offsets that are durable."""
    return sum(
        sum(progress(lake.commits(f"changes/{name}")).values()) for name in lake.tables("changes")
    )


class Shared:
    """The services that scenarios take turns with, each started when first asked for."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, pathlib.Path(folder)
        self.has_broker = self.has_store = False

    def broker(self):
        if not self.has_broker:
            self._broker = ProxiedBroker(self.folder / "kafka")
            self._broker.start()
            self.has_broker = True
        return self._broker

    def store(self):
        if not self.has_store:
            service = ObjectStore(self.folder / "s3", free_ports(8))
            service.start()
            key, secret = "huiliu-test-key", "huiliu-test-secret"
            service.proxy = Proxy(free_ports(1), service.port)
            proxied = f"http://127.0.0.1:{service.proxy.port}"
            service.account = Account(proxied, "lake", key, secret)
            service.direct = Account(service.endpoint, "lake", key, secret)
            self._store = service
            self.has_store = True
        return self._store

    def stop(self):
        if self.has_broker:
            self._broker.stop()
            self._broker.proxy.close()
        if self.has_store:
            self._store.stop()
            self._store.proxy.close()
