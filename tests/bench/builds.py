"""Builds in full, beside DuckDB: the same SQL, the same Parquet files, the same processors.

    huiliu bench refresh --keep LAKES            # fills the lakes
    python tests/bench/builds.py HUILIU LAKES    # prints a Markdown table

Both engines are processes of their own, held to as many processors and to the same limit of
memory, and write their rows as Parquet with zstd. What a process costs to start counts for both.
Peak memory is that of the whole process, which the limit of an engine does not cover.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb
from deltalake import DeltaTable

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
AS_OF = "2020-12-31"
TABLES = {
    "enterprise_financing.enterprise_profile": ["market_entity", "enterprise_licences"],
    "enterprise_financing.utility_stability": [
        "utility_account", "utility_bill", "enterprise_utility_use",
    ],
    "investment_project.division_month": [],
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("huiliu", type=pathlib.Path)
    parser.add_argument("lakes", type=pathlib.Path)
    parser.add_argument("--processors", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--memory", default="512MiB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duckdb", metavar="TABLE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.duckdb:
        return build(given.lakes, given.duckdb, given.processors[0], given.memory)
    (given.lakes / "huiliu.yaml").write_text(
        f"pipelines: {REPOSITORY}/pipelines\nsql: {REPOSITORY}/sql\nprotection: plain\n"
        f"memory: {{limit: {given.memory}}}\n"
    )
    print("| table | size | processors | huiliu s | DuckDB s | time | huiliu CPU s | DuckDB CPU s"
          " | CPU | huiliu peak MiB | DuckDB peak MiB |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for table in TABLES:
        for lake in sorted(given.lakes.glob("x*"), key=lambda path: int(path.name[1:])):
            for processors in given.processors:
                print(compared(given, lake / "lake", table, processors), flush=True)


def compared(given, lake, table, processors):
    """One row of figures; the engines take turns, so that both meet the same neighbours."""
    ours = [
        given.huiliu, "--quiet", "--config", given.lakes / "huiliu.yaml", "--lake", lake,
        "refresh", table, "--full", "--as-of", AS_OF,
    ]  # fmt: skip
    theirs = [
        sys.executable, __file__, given.huiliu, lake, "--duckdb", table,
        "--processors", processors, "--memory", given.memory,
    ]  # fmt: skip
    runs = [[measured(command, processors) for command in (ours, theirs)]
            for _ in range(given.rounds)]  # fmt: skip
    wall, cpu, peak = (
        [statistics.median(run[engine][figure] for run in runs) for engine in (0, 1)]
        for figure in range(3)
    )
    return (
        f"| {table} | ×{lake.parent.name[1:]} | {processors} | {wall[0]:.2f} | {wall[1]:.2f}"
        f" | {wall[0] / wall[1]:.2f} | {cpu[0]:.2f} | {cpu[1]:.2f} | {cpu[0] / cpu[1]:.2f}"
        f" | {peak[0]:.0f} | {peak[1]:.0f} |"
    )


def measured(command, processors):
    """Seconds, seconds of all processors, and the most MiB of one process that has to succeed."""
    # Not wait4's maximum: that begins with what the parent had when it forked.
    command = ["taskset", "-c", ",".join(map(str, range(processors))), *map(str, command)]
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL)
    peak = 0
    while True:
        peak = max(peak, high_water(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.01)
    seconds = time.monotonic() - begun
    if status:
        raise SystemExit(f"status {status}: {' '.join(command)}")
    return seconds, usage.ru_utime + usage.ru_stime, peak / 2**20


def high_water(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"VmHWM:\s*(\d+)", status)
    return int(found[1]) << 10 if found else 0


def build(lake, table, threads, memory):
    """Builds one table with DuckDB into a Parquet file that is thrown away."""
    with tempfile.TemporaryDirectory() as scratch:
        connection = duckdb.connect()
        connection.execute(f"SET threads = {threads}")
        connection.execute(f"SET memory_limit = '{memory}'")
        connection.execute(f"SET temp_directory = '{scratch}'")
        for path in sorted((lake / "current").iterdir()):
            files = [str(uri).removeprefix("file://") for uri in DeltaTable(path).file_uris()]
            if files:
                connection.execute(
                    f"CREATE VIEW {path.name} AS SELECT * FROM read_parquet({files},"
                    " hive_partitioning = false)"
                )
            else:
                connection.execute(empty(path))
        industry = REPOSITORY / "sql" / "dimensions" / "industry.csv"
        connection.execute(
            "CREATE VIEW industry AS SELECT section, code, CAST(level AS INT) AS level, name"
            f" FROM read_csv('{industry}', all_varchar = true)"
        )
        for view in ["period", *TABLES[table]]:
            text = (REPOSITORY / "sql" / "views" / f"{view}.sql").read_text()
            connection.execute(f"CREATE VIEW {view} AS {spoken(text)}")
        query = (REPOSITORY / "sql" / table.replace(".", "/") / "query.sql").read_text()
        connection.execute(
            f"COPY ({spoken(query)}) TO '{scratch}/rows.parquet' (FORMAT parquet, CODEC zstd)"
        )


def empty(path):
    """A table without rows and files has columns all the same."""
    kinds = {"string": "VARCHAR", "integer": "INT", "long": "BIGINT", "double": "DOUBLE",
             "date": "DATE", "timestamp": "TIMESTAMPTZ", "boolean": "BOOLEAN"}  # fmt: skip
    fields = DeltaTable(path).schema().fields
    columns = (f"{f.name} {kinds.get(str(f.type.type), f.type.type)}" for f in fields)
    return f"CREATE TABLE {path.name} ({', '.join(columns)})"


def spoken(sql):
    """The project's SQL as DuckDB takes it: the parameter, and days of a date as a number."""
    sql = sql.replace("$as_of", f"'{AS_OF}'")
    return re.sub(
        r"CAST\((coalesce\(b\.paid_date, p\.as_of\)) AS INT\) - CAST\((b\.due_date) AS INT\)",
        r"(\1 - \2)",
        sql,
    )


if __name__ == "__main__":
    main()
