"""The memory limit: wide records, a bucket that no fold may hold, and a heavy join keep below it.

The kernel's own high-water mark is read (`VmHWM`): a group of the kernel's would kill the process,
and not every machine lets a test make one.
"""

import random
import shutil
import signal

from confluent_kafka import Producer

from lake import Lake
from program import eventually, messages, peak_bytes
from test_bad_input import bill, text

LIMIT_MIB = 512
# 276 MB decoded in one bucket: four times what a fold may hold.
RECORDS, COLUMNS, CELL = 11_500, 24, 1_000
TOPIC = "feed.wide.record"

CONTRACT = f"""
dataset: wide_record
title: 宽记录
provider: 测试
group: feed
source:
  kafka_topic: {TOPIC}
  format: huiliu_json
mode: cdc
key: [id]
buckets: 1
columns:
  - {{name: id, title: 编号, type: string, required: true, grade: L1}}
  - {{name: peer, title: 对方, type: string, grade: L1}}
""" + "".join(
    f"  - {{name: c{n}, title: 第{n}列, type: string, grade: L1}}\n" for n in range(COLUMNS)
)
CELLS = ", ".join(f"c{n}" for n in range(COLUMNS))
TABLE = """
title: 宽表
title_en: Wide table
grain: one row per id
key: [id]
identity: [id]
buckets: 1
inputs:
  - {dataset: wide_record, by: id}
freshness: {warn_after: 1h, page_after: 1d}
columns:
  - {name: id, type: string, title: 编号, title_en: Id, grade: L1}
  - {name: chars, type: int64, title: 字数, title_en: Characters of both, unit: "1", grade: L1}
"""
# Both sides of the join carry all of their cells: each is larger than the builds' share.
JOIN = f"""
WITH cells AS (
  SELECT id, peer, {CELLS}
  FROM wide_record
)
SELECT
  a.id,
  CAST({" + ".join(f"length(a.c{n}) + length(b.c{n})" for n in range(COLUMNS))} AS BIGINT) AS chars
FROM cells AS a
JOIN cells AS b ON b.id = a.peer AND b.c0 <> a.c1
"""


def record(number, sequence, op="c"):
    """24 KB that Kafka compresses and Parquet does not: a text that is new in every row, turned in
    all of its columns."""
    cell = random.Random(sequence).randbytes(CELL // 2).hex()
    after = {"id": f"r{number:06}", "peer": f"r{(number * 10 + 1) % RECORDS:06}"}
    after |= {f"c{n}": cell[n:] + cell[:n] for n in range(COLUMNS)}
    images = {"before": after, "after": None} if op == "d" else {"after": after}
    return after["id"].encode(), text(bill("", ds="wide_record", seq=sequence, op=op) | images)


def publish(broker, records):
    producer = Producer({"bootstrap.servers": broker.servers, "compression.type": "zstd"})
    failures = []
    for key, value in records:
        while True:
            try:
                producer.produce(
                    TOPIC, value, key, 0,
                    on_delivery=lambda error, _: failures.append(error) if error else None,
                )  # fmt: skip
                break
            except BufferError:
                producer.poll(1)
        producer.poll(0)
    producer.flush(120)
    assert not failures, failures[0]


def within_the_limit(huiliu, *arguments):
    """Runs to the end below the limit."""
    process = huiliu.spawn(*arguments, "--memory-limit", f"{LIMIT_MIB}MiB")
    code, peak = peak_bytes(process)
    assert code == 0, messages(process)
    print(arguments[0], peak >> 20, "MiB")
    assert peak < LIMIT_MIB << 20, f"{arguments[0]}: {peak >> 20} MiB"


def test_wide_records_a_large_bucket_and_a_heavy_join_stay_below_the_limit(
    broker, huiliu, tmp_path
):
    pipelines, sql = tmp_path / "pipelines", tmp_path / "sql"
    for path, content in {
        pipelines / "feed" / "wide_record.yaml": CONTRACT,
        sql / "wide" / "joined" / "table.yaml": TABLE,
        sql / "wide" / "joined" / "query.sql": JOIN,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    huiliu.point_at(pipelines, nothing)
    broker.delete_all()
    broker.create([TOPIC])
    publish(broker, (record(n, n + 1) for n in range(RECORDS)))
    run = ["run", "--once", *huiliu.running(broker)]
    within_the_limit(huiliu, *run)
    lake = Lake(huiliu.lake)
    assert lake.delta("current/wide_record").count() == RECORDS

    # By now the bucket is one file.
    changes = [record(n, RECORDS + n + 1, "d") for n in range(0, 600, 3)]
    changes += [record(n, RECORDS + n + 1, "u") for n in range(1, 600, 3)]
    publish(broker, changes)
    within_the_limit(huiliu, *run)
    assert lake.delta("current/wide_record").count() == RECORDS - 200

    # Alone, a build has half of the limit.
    huiliu.point_at(pipelines, sql)
    within_the_limit(
        huiliu, "refresh", "wide.joined", "--as-of", "2020-06-30", "--lake", huiliu.lake,
        "--protection", "plain",
    )  # fmt: skip
    # So has a query whose two sorts do not fit side by side.
    within_the_limit(huiliu, "query", JOIN.replace("FROM wide_record", "FROM current.wide_record"),
                     "--lake", huiliu.lake, "--to", "joined.csv", "--output", "csv")  # fmt: skip
    rows = lake.rows("subjects/wide/joined")
    # Of the rows that are left, those whose peer was not deleted; every cell has 1,000 characters.
    gone = set(range(0, 600, 3))
    left = [n for n in range(RECORDS) if n not in gone and (n * 10 + 1) % RECORDS not in gone]
    assert sorted(rows["id"]) == [f"r{n:06}" for n in left]
    assert set(rows["chars"]) == {2 * COLUMNS * CELL}
    asked = (huiliu.directory / "joined.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[0] for line in asked) == [f"r{n:06}" for n in left]

    # A build beside ingestion gets the same, once the others rest.
    shutil.rmtree(f"{huiliu.lake}/subjects")
    process = huiliu.start(broker, "--memory-limit", f"{LIMIT_MIB}MiB")

    def is_built():
        built = "subjects/wide/joined"
        return lake.exists(built) and lake.delta(built).count() == len(left)

    eventually(is_built, 120, process)
    process.send_signal(signal.SIGTERM)
    code, peak = peak_bytes(process)
    print("beside", peak >> 20, "MiB")
    assert (code, peak < LIMIT_MIB << 20) == (0, True), f"{peak >> 20} MiB:\n{messages(process)}"

