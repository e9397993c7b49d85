"""Bounds of the process: open files, threads, temporary disk."""

import os
import resource
import subprocess

from lake import Lake
from places import REPOSITORY
from program import eventually, messages

OPEN_FILES = 256
# Subject tables after which enough was built at once.
TABLES = 20
# Workers of the runtime, 64 threads that wait for files, and those of the Kafka client and of the
# binary itself: three of its own, and one for each broker.
THREADS = os.cpu_count() + 64 + 16


def test_a_pipeline_of_all_datasets_needs_few_open_files_and_threads(broker, huiliu):
    broker.delete_all()
    huiliu.generate(broker, 3_000, 11)
    few = ["prlimit", f"--nofile={OPEN_FILES}:{OPEN_FILES}", huiliu.path]
    log = open(huiliu.directory / "few.log", "wb")
    process = subprocess.Popen(
        [*few, "run", *huiliu.running(broker), "--admin", "off"], cwd=huiliu.directory,
        env=huiliu.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    process.log = log.name
    huiliu.processes.append(process)
    seen = {"fd": 0, "task": 0}

    def is_built():
        for kind in seen:
            seen[kind] = max(seen[kind], len(os.listdir(f"/proc/{process.pid}/{kind}")))
        lake = Lake(huiliu.lake)
        return len(lake.tables("changes")) == 48 and len(lake.tables("subjects")) >= TABLES

    eventually(is_built, 180, process)
    said = messages(process, 50_000)
    assert "Too many open files" not in said, said[-2000:]
    assert seen["fd"] < OPEN_FILES and seen["task"] <= THREADS, seen
    with open(f"/proc/{process.pid}/limits") as limits:
        line = next(line for line in limits if line.startswith("Max open files"))
    assert line.split()[3] == str(OPEN_FILES), line
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > OPEN_FILES, "else nothing was limited"
    print(seen)


SORT = (
    "SELECT v, repeat('x', 200) AS t FROM generate_series(1, 400000) AS s(v) "
    "ORDER BY v % 7919, t, v"
)


def test_what_spills_beyond_the_limit_is_stopped_with_its_code(broker, huiliu):
    broker.delete_all()
    huiliu.generate(broker, 200, 11)
    (huiliu.directory / "no-sql").mkdir()
    huiliu.point_at(REPOSITORY / "pipelines", huiliu.directory / "no-sql")
    huiliu.run_once(broker)
    config = huiliu.directory / "small.yaml"
    said = (huiliu.directory / "huiliu.yaml").read_text() + "temporary: {limit: 4MiB}\n"
    config.write_text(said)
    query = ["query", SORT, "--lake", huiliu.lake, "--memory-limit", "64MiB", "--output", "ndjson"]
    assert huiliu.run(*query).stdout.count(b"\n") == 400_000, "with room it is sorted"
    stopped = huiliu.run(*query, "--config", config, expect=69)
    error = stopped.stderr.decode()
    assert "HUILIU-SUBJECT-0103" in error and "temporary files reach their limit" in error, error
    assert "temporary.limit" in error, error
