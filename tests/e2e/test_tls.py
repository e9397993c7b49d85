"""TLS and SASL/SCRAM against a real broker: what is right works, what is wrong is named.

Each listener of the broker has its own certificate: a good one, one that has expired, one of
another host. The certificates are made here, by openssl.
"""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from conftest import missing
from lake import Lake
from places import free_ports, kafka_topics
from program import Huiliu, drain, eventually, get, messages
from services import Broker
from test_faults import TOPIC, bills, next_offset

PASSWORD = "correct-horse-7f3a"
WRONG_PASSWORD = "battery-staple-91cc"
# One TLS listener for each, on the ports after those of the broker and its controller.
LISTENERS = ["tls", "scram", "expired", "elsewhere"]


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder, name):
    """A certificate authority; the path of its certificate."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-subj", f"/CN={name}",
            "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")  # fmt: skip
    return folder / f"{name}.pem"


def certificate(folder, name, host, days):
    """Key and certificate in one file, as Kafka reads them, signed by the authority `city`."""
    key, asked = folder / f"{name}.key", folder / f"{name}.csr"
    signed, names = folder / f"{name}.crt", folder / f"{name}.ext"
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", asked)  # fmt: skip
    names.write_text(f"subjectAltName={host}\n")
    openssl("x509", "-req", "-in", asked, "-CA", folder / "city.pem", "-CAkey",
            folder / "city.key", "-CAcreateserial", "-days", days, "-extfile", names,
            "-out", signed)  # fmt: skip
    both = folder / f"{name}.pem"
    both.write_text(key.read_text() + signed.read_text())
    return both


def properties(port, folder):
    """The broker's settings for its listeners."""
    kinds = {name: "SASL_SSL" if name == "scram" else "SSL" for name in LISTENERS}
    addresses = {"plaintext": port, "controller": port + 1}
    addresses |= {name: port + 2 + i for i, name in enumerate(LISTENERS)}
    listeners = ",".join(f"{n.upper()}://127.0.0.1:{p}" for n, p in addresses.items())
    protocols = ",".join(f"{n.upper()}:{kind}" for n, kind in kinds.items())
    lines = [
        f"listeners={listeners}",
        f"advertised.listeners={listeners}",
        f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}",
        "listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config="
        "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    ]
    for name in LISTENERS:
        store = folder / f"{name if name != 'scram' else 'tls'}.pem"
        lines += [
            f"listener.name.{name}.ssl.keystore.type=PEM",
            f"listener.name.{name}.ssl.keystore.location={store}",
        ]
    return "\n".join(lines) + "\n"


class SecureBroker(Broker):
    def at(self, listener):
        """What a client of this listener connects to."""
        return SimpleNamespace(servers=f"127.0.0.1:{self.port + 2 + LISTENERS.index(listener)}")


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority(folder, "city")
    authority(folder, "strangers")
    certificate(folder, "tls", "IP:127.0.0.1", 30)
    certificate(folder, "expired", "IP:127.0.0.1", -1)
    certificate(folder, "elsewhere", "DNS:elsewhere.example", 30)
    service = SecureBroker(folder / "kafka", free_ports(2 + len(LISTENERS)))
    service.directory.mkdir()
    service.certificates = folder
    (service.directory / "extra.properties").write_text(properties(service.port, folder))
    try:
        service.start()
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"no Kafka broker with TLS: {error}")
    admin = AdminClient({"bootstrap.servers": service.servers})
    secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    user = UserScramCredentialUpsertion("huiliu", secret, PASSWORD.encode())
    for future in admin.alter_user_scram_credentials([user]).values():
        future.result()
    service.create(kafka_topics())
    service.publish(TOPIC, bills(100))
    yield service
    service.stop()


def settle(huiliu, secure, authority="city", password=None):
    """Writes huiliu.yaml with TLS, and with SCRAM where there is a password."""
    lines = ["protocol: ssl" if password is None else "protocol: sasl_ssl"]
    lines += [f"ca_location: {secure.certificates / authority}.pem"]
    if password is not None:
        (huiliu.directory / "password").write_text(password)
        lines += [
            "sasl: {mechanism: SCRAM-SHA-512, username: huiliu, password: "
            f'{{secret: "file:{huiliu.directory / "password"}"}}}}'
        ]
    with open(huiliu.directory / "huiliu.yaml", "a") as settings:
        settings.write("  security:\n" + "".join(f"    {line}\n" for line in lines))


def test_records_come_over_tls(huiliu, secure):
    settle(huiliu, secure)
    huiliu.run_once(secure.at("tls"))
    assert next_offset(Lake(huiliu.lake)) == 100


def test_records_come_over_tls_to_a_user_and_the_password_goes_nowhere(huiliu, secure):
    settle(huiliu, secure, password=PASSWORD)
    process, port = huiliu.start_served(secure.at("scram"), "-vv")
    eventually(lambda: next_offset(Lake(huiliu.lake)) == 100, 60, process)
    for path in ["/metrics", "/statusz", "/readyz"]:
        assert PASSWORD not in get(port, path)[1]
    assert drain(process) == 0, messages(process)
    assert PASSWORD not in messages(process, 10_000_000)


# Nobody's answer mends these.
ENDLESS = {"password", "authority", "no such file"}


@pytest.fixture(scope="module")
def refusals(binary, secure, tmp_path_factory):
    """`{what is wrong: (exit code, the error)}` of runs that must fail, three at once: each of them
    asks for ten seconds. A refusal or a wrong setting ends a run without an end as well."""
    wrong = {
        "password": ("scram", "city", WRONG_PASSWORD),
        "authority": ("tls", "strangers", None),
        "expired": ("expired", "city", None),
        "elsewhere": ("elsewhere", "city", None),
        "no such file": ("tls", "nobody", None),
        "plain": ("tls", None, None),
    }

    def attempt(case):
        listener, authority, password = wrong[case]
        folder = tmp_path_factory.mktemp("refused")
        program = Huiliu(binary, folder / "work", str(folder / "lake"))
        if authority:
            settle(program, secure, authority, password)
        how = ["--admin", "off"] if case in ENDLESS else ["--once"]
        done = program.run("run", *how, *program.running(secure.at(listener)), "-vv", expect=None)
        said = done.stderr.decode() + done.stdout.decode()
        assert PASSWORD not in said and WRONG_PASSWORD not in said
        assert "error[" in said, said
        return done.returncode, " ".join(said[said.index("error[") :].split())

    # Each run asks for ten seconds: a handshake has to be possible in them.
    with ThreadPoolExecutor(3) as pool:
        return dict(zip(wrong, pool.map(attempt, wrong)))


def check(refusals, secure, case, listener, code, words):
    """The error names the place, and says these words."""
    ended, said = refusals[case]
    assert ended == code, said
    assert secure.at(listener).servers in said, said
    absent = [word for word in words if word not in said]
    assert not absent, f"{absent} are not in: {said}"


def test_a_wrong_password_is_a_matter_of_permission(refusals, secure):
    words = ["uthentication failed", "check user, password"]
    check(refusals, secure, "password", "scram", 77, words)


# The client library says no more than that verification failed: so the causes are named.
UNVERIFIED = ["certificate", "kafka.security.ca_location", "expired", "host name", "openssl s_client"]


@pytest.mark.parametrize(
    "case, listener", [("authority", "tls"), ("expired", "expired"), ("elsewhere", "elsewhere")]
)
def test_a_certificate_that_cannot_be_verified_is_named(refusals, secure, case, listener):
    check(refusals, secure, case, listener, 77, UNVERIFIED)


def test_speaking_plainly_to_a_tls_listener_is_named(refusals, secure):
    check(refusals, secure, "plain", "tls", 69, ["protocol"])


def test_a_file_of_authorities_that_is_not_there_is_named(refusals):
    code, said = refusals["no such file"]
    assert code == 78 and "kafka.security.ca_location" in said and "nobody.pem" in said, said
