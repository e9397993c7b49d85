"""One enterprise of a million: how many files DuckDB opens, by its own account."""

import random
import re

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb_extensions import import_extension

from lake import Lake
from program import Huiliu

ROWS = 1_000_000
PIPELINE = """\
dataset: firm
title: firms
provider: test
group: pool
source: {kafka_topic: pool.firm, format: huiliu_json}
mode: cdc
key: [uscc]
buckets: 8
columns:
  - {name: uscc, title: code, type: string, required: true, grade: L1}
  - {name: size, title: size, type: integer, grade: L1}
"""
TABLE = """\
title: firms
title_en: Firms
grain: one row per uscc
key: [uscc]
identity: [uscc]
buckets: 8
inputs:
  - {dataset: firm, by: uscc}
freshness: {warn_after: 1m, page_after: 10m}
columns:
  - {name: uscc, type: string, title: code, title_en: Code of the firm, grade: L1}
  - {name: size, type: int32, title: size, title_en: Size of the firm, unit: person, grade: L1}
"""
QUERY = """\
SELECT
    uscc,
    size
FROM firm
"""


def code(number):
    """Codes in another order than their numbers."""
    return f"91{number * 0x9E3779B97F4A7C15 % (1 << 64):016X}"


@pytest.fixture(scope="module")
def million(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("million")
    huiliu = Huiliu(binary, directory / "work", str(directory / "lake"))
    for path, text in {
        "pipelines/pool/firm.yaml": PIPELINE,
        "sql/firms/profile/table.yaml": TABLE,
        "sql/firms/profile/query.sql": QUERY,
    }.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    huiliu.point_at(directory / "pipelines", directory / "sql")
    rows = {"uscc": [code(n) for n in range(ROWS)], "size": list(range(ROWS))}
    delivered = directory / "firms.parquet"
    schema = pa.schema([("uscc", pa.string()), ("size", pa.int32())])
    pq.write_table(pa.table(rows, schema), delivered)
    lake = ["--lake", huiliu.lake, "--protection", "plain"]
    huiliu.run("load", "firm", delivered, *lake)
    huiliu.run("refresh", "firms.profile", "--as-of", "2020-06-30", *lake)
    return huiliu


def files_read(connection, path, number):
    """The row that DuckDB finds, and how many files of how many it opened for it."""
    query = f"SELECT size FROM delta_scan('{path}') WHERE uscc = '{code(number)}'"
    (row,) = connection.execute(query).fetchall()
    ((_, plan),) = connection.execute(f"EXPLAIN ANALYZE {query}").fetchall()
    opened, of = map(int, re.search(r"Scanning Files: (\d+)/(\d+)", plan).groups())
    assert int(re.search(r"Total Files Read: (\d+)", plan).group(1)) == opened
    return row[0], opened, of


def test_duckdb_opens_at_most_two_files_for_one_enterprise(million):
    import_extension("delta")
    connection = duckdb.connect()
    connection.execute("LOAD delta")
    path = Lake(million.lake).path("subjects/firms/profile")
    ((rows,),) = connection.execute(f"SELECT count(*) FROM delta_scan('{path}')").fetchall()
    assert rows == ROWS
    chance = random.Random(5)
    for number in [0, ROWS - 1, *(chance.randrange(ROWS) for _ in range(10))]:
        size, opened, of = files_read(connection, path, number)
        assert size == number
        assert opened <= 2 and of > 20, f"{opened} of {of} files"


def test_query_finds_the_same_row(million):
    (row,) = million.query(f"SELECT size FROM firms.profile WHERE uscc = '{code(4_711)}'")
    assert row == {"size": 4_711}


def test_the_files_carry_a_page_index_and_a_bloom_filter_of_the_identity(million):
    connection = duckdb.connect()
    lake = Lake(million.lake)
    for table in ["subjects/firms/profile", "current/firm"]:
        paths = [str(path) for path in lake.delta(table).file_uris()]
        for path in paths[:3]:
            metadata = pq.ParquetFile(path).metadata
            for group in range(metadata.num_row_groups):
                column = metadata.row_group(group).column(0)
                assert column.path_in_schema == "uscc"
                assert column.has_column_index and column.has_offset_index
        offsets = connection.execute(
            "SELECT bloom_filter_offset FROM parquet_metadata(?) WHERE path_in_schema = 'uscc'",
            [paths],
        ).fetchall()
        assert offsets and all(offset is not None for (offset,) in offsets), table
        # A code that no file has, within the bounds of all: the filter tells without reading.
        found = connection.execute(
            "SELECT sum(bloom_filter_excludes::INT), count(*)"
            " FROM parquet_bloom_probe(?, 'uscc', '9180000000000000ZZ')",
            [paths],
        ).fetchone()
        assert found[0] >= 0.9 * found[1], table
