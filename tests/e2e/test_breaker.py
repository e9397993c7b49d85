"""A dataset that stops alone: by its limit of rejects, durably, until a person resolves it."""

import json

from lake import Lake, progress
from program import drain, eventually, get, messages
from test_bad_input import bill, text

WATER, GAS = "feed.water.bill", "feed.gas.bill"


def bills(dataset, count, first=0):
    """Sound records of a dataset, keys from `first` on."""
    sound = (bill(f"5001{first + i:06d}", seq=first + i + 1) for i in range(count))
    return [(b"k", text(record | {"ds": dataset})) for record in sound]


def nonsense(count):
    return [(b"k", b"nonsense")] * count


def stopped(huiliu):
    done = huiliu.run("incidents", "list", "--offline", "--lake", huiliu.lake, "-o", "json")
    return json.loads(done.stdout)["stopped"]


def resolve(huiliu, *more, expect=0):
    return huiliu.run(
        "incidents", "resolve", "water_bill", "--why", "trial", "--lake", huiliu.lake, *more,
        expect=expect,
    )  # fmt: skip


def keys(huiliu, dataset):
    lake = Lake(huiliu.lake)
    if not lake.exists(f"changes/{dataset}"):
        return set()
    return set(lake.rows(f"changes/{dataset}", ["account_no"])["account_no"])


def test_run_once_completes_the_others_and_ends_with_the_contract_code(broker, topics, huiliu):
    broker.create(topics)
    broker.publish(WATER, bills("water_bill", 1_500) + nonsense(4_000) + bills("water_bill", 9, 2_000))
    broker.publish(GAS, bills("gas_bill", 500))
    done = huiliu.run_once(broker, expect=65)
    assert b"dataset `water_bill` stopped" in done.stderr
    assert b"huiliu incidents resolve water_bill" in done.stderr
    assert len(keys(huiliu, "gas_bill")) == 500
    recorded = progress(Lake(huiliu.lake).commits("changes/water_bill"))
    assert recorded["stopped"] == 1
    assert 1_800 <= recorded[f"{WATER}/0"] < 5_509, "what was prepared landed, not the rest"
    [incident] = stopped(huiliu)
    assert incident["reason"] == "rejects" and incident["share"] > 0.2
    assert incident["reasons"][0][0] == "NOT_JSON"

    # The next process does not read it, whatever comes; the others go on.
    broker.publish(GAS, bills("gas_bill", 100, 500))
    huiliu.run_once(broker, expect=65)
    again = progress(Lake(huiliu.lake).commits("changes/water_bill"))
    assert again == recorded
    assert len(keys(huiliu, "gas_bill")) == 600

    assert b"would go on" in resolve(huiliu).stdout
    assert stopped(huiliu), "nothing is written without --yes"
    assert b"goes on" in resolve(huiliu, "--yes").stdout
    assert stopped(huiliu) == []
    assert b"does not stand still" in resolve(huiliu, "--yes").stdout


def test_a_running_process_stops_one_dataset_and_goes_on_after_the_resolution(
    broker, topics, huiliu
):
    broker.create(topics)
    broker.publish(WATER, bills("water_bill", 1_200))
    process, port = huiliu.start_served(broker)
    eventually(lambda: len(keys(huiliu, "water_bill")) == 1_200, 60, process)
    broker.publish(WATER, nonsense(1_000))
    eventually(lambda: stopped(huiliu), 30, process)
    broker.publish(WATER, bills("water_bill", 50, 5_000))
    broker.publish(GAS, bills("gas_bill", 70))
    eventually(lambda: len(keys(huiliu, "gas_bill")) == 70, 20, process)

    def not_ready():
        status, page = get(port, "/readyz")
        reason = {"what": "water_bill", "code": "rejects", "why": "stopped: rejects"}
        return status == 503 and reason in json.loads(page)["reasons"]

    eventually(not_ready, 15, process)
    line = 'huiliu_dataset_stopped{dataset="water_bill",reason="rejects"}'
    assert f"{line} 1" in get(port, "/metrics")[1]

    def shown():
        datasets = json.loads(get(port, "/statusz")[1])["datasets"]
        return [d["dataset"] for d in datasets if d["stopped"]] == ["water_bill"]

    eventually(shown, 15, process)
    assert not keys(huiliu, "water_bill") & {"5001005000"}
    resolve(huiliu, "--yes")
    eventually(lambda: "5001005049" in keys(huiliu, "water_bill"), 20, process)
    assert len(keys(huiliu, "water_bill")) == 1_250
    eventually(lambda: get(port, "/readyz")[0] == 200, 15, process)
    assert f"{line} 0" in get(port, "/metrics")[1]
    assert drain(process) == 0, messages(process)
    rejected = Lake(huiliu.lake).rows("quarantine/water_bill", ["sys_offset"])["sys_offset"]
    assert sorted(rejected) == list(range(1_200, 2_200)), "each once"
