"""`huiliu doctor` on real services, and with each of them broken."""

import json
import resource

from places import free_ports
from s3client import Client


def examined(huiliu, *more, expect=0, **settings):
    done = huiliu.run(
        "doctor", "--lake", huiliu.lake, "--protection", "plain", "-o", "json", *more,
        expect=expect, **settings,
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert document["format_version"] == "1.0"
    for check in document["checks"]:
        assert check["meaning"], check
        assert (check["remedy"] is None) == (check["outcome"] == "ok"), check
    return {check["name"]: check for check in document["checks"]}


def outcomes(checks):
    return {name: check["outcome"] for name, check in checks.items()}


def test_sound_services_pass_and_nothing_is_left_behind(broker, topics, huiliu_s3, s3):
    broker.create(topics)
    broker.publish("feed.water.bill", [(b"k", b"{}")])
    checks = examined(huiliu_s3, "--bootstrap-servers", broker.servers)
    told = outcomes(checks)
    # What a crowded machine allows is not this test's to judge.
    for name in ["disk", "memory", "open files"]:
        told.pop(name)
    assert set(told.values()) == {"ok"}, checks
    assert {"kafka", "kafka topics", "kafka read", "kafka group", "clock of records"} <= set(told)
    assert {"store put", "store get", "store list", "store delete", "store race"} <= set(told)
    assert checks["kafka topics"]["found"] == "48 of 48 declared, 48 partitions"
    folder = huiliu_s3.lake.removeprefix(f"s3://{s3.bucket}/")
    assert Client(s3).list(f"{folder}/_huiliu/doctor") == []
    assert "0 failures" in huiliu_s3.run(
        "doctor", "--lake", huiliu_s3.lake, "--protection", "plain",
        "--bootstrap-servers", broker.servers,
    ).stdout.decode()  # fmt: skip


def test_missing_topics_are_named_and_no_failure(broker, topics, huiliu):
    broker.create(sorted(set(topics) - {"feed.gas.bill"}))
    checks = examined(huiliu, "--bootstrap-servers", broker.servers)
    assert checks["kafka topics"]["outcome"] == "warn"
    assert checks["kafka topics"]["found"].endswith("missing: feed.gas.bill")


def test_each_thing_that_is_broken_is_named_with_its_code(broker, topics, huiliu_s3):
    nobody = f"127.0.0.1:{free_ports(1)}"
    checks = examined(huiliu_s3, "--bootstrap-servers", nobody, expect=69)
    assert outcomes(checks)["kafka"] == "fail" and nobody in checks["kafka"]["found"]
    assert checks["store race"]["outcome"] == "ok", "one failure does not hide the rest"

    broker.create(topics)
    sound = huiliu_s3.environment
    secrets = [name for name in sound if "SECRET" in name.upper()]
    huiliu_s3.environment = sound | dict.fromkeys(secrets, "wrong")
    checks = examined(huiliu_s3, "--bootstrap-servers", broker.servers, expect=77)
    told = outcomes(checks)
    assert secrets and told["store put"] == told["store list"] == "fail", checks
    assert told["kafka"] == "ok"
    huiliu_s3.environment = sound

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))

    settings = huiliu_s3.directory / "huiliu.yaml"
    kept = settings.read_text()
    settings.write_text(
        f"{kept}memory: {{limit: 4096GiB}}\nschema_registry: {{url: 'http://{nobody}'}}\n"
    )
    checks = examined(
        huiliu_s3, "--bootstrap-servers", broker.servers, expect=69, preexec_fn=few_files
    )
    told = outcomes(checks)
    assert told["memory"] == told["open files"] == told["schema registry"] == "fail", checks
