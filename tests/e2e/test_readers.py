"""Independent readers see what `huiliu query` says: deltalake, Polars, and DuckDB's Delta."""

from decimal import Decimal

import duckdb
import polars
import pyarrow
import pyarrow.compute
import pytest
from duckdb_extensions import import_extension

from conftest import one_lake
from lake import Lake

AS_OF = "2020-06-30"


@pytest.fixture(scope="module")
def city(broker, binary, tmp_path_factory):
    """A lake with every kind of table: ingested, folded, refreshed."""
    with one_lake(broker, binary, tmp_path_factory) as huiliu:
        huiliu.generate(broker, 20_000, 7, 2)
        huiliu.run_once(broker)
        huiliu.run("refresh", "enterprise_financing", "--as-of", AS_OF, "--lake", huiliu.lake)
        yield huiliu


def deltalake_table(lake, table):
    return lake.delta(table).to_pyarrow_table()


def polars_table(lake, table):
    return polars.scan_delta(lake.path(table)).collect().to_arrow()


def duckdb_table(lake, table):
    import_extension("delta")
    connection = duckdb.connect()
    connection.execute("LOAD delta; SET TimeZone = 'UTC'")
    return connection.execute("SELECT * FROM delta_scan(?)", [lake.path(table)]).arrow().read_all()


READERS = {"deltalake": deltalake_table, "polars": polars_table, "duckdb": duckdb_table}


def sums(table):
    """Row count, and per column: how many values it has, and their sum where they are exact."""
    facts = {"rows": table.num_rows}
    for name, column in zip(table.column_names, table.columns):
        facts[f"{name}_n"] = table.num_rows - column.null_count
        if pyarrow.types.is_integer(column.type):
            total = pyarrow.compute.sum(column.cast(pyarrow.int64())).as_py()
            facts[f"{name}_s"] = Decimal(total or 0)
        elif pyarrow.types.is_decimal(column.type):
            wide = column.cast(pyarrow.decimal256(60, column.type.scale))
            facts[f"{name}_s"] = pyarrow.compute.sum(wide).as_py() or Decimal(0)
    return facts


def asked(huiliu, name, table):
    """The same facts from `huiliu query`."""
    wanted = ["count(*) AS rows"]
    for column in table.schema:
        wanted.append(f'count("{column.name}") AS "{column.name}_n"')
        if pyarrow.types.is_integer(column.type) or pyarrow.types.is_decimal(column.type):
            wanted.append(f'sum("{column.name}") AS "{column.name}_s"')
    (row,) = huiliu.query(f"SELECT {', '.join(wanted)} FROM {name}")
    return {k: Decimal(str(v or 0)) if k.endswith("_s") else int(v) for k, v in row.items()}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("group", ["changes", "current", "quarantine", "subjects"])
def test_a_reader_counts_and_sums_what_query_says(city, group, reader):
    lake = Lake(city.lake)
    tables = lake.tables(group)
    assert tables, f"no table in {group}"
    rows = 0
    for table in tables:
        read = READERS[reader](lake, f"{group}/{table}")
        # The bucket of `current` is the layout of the table, not a column of its contract.
        read = read.drop_columns([c for c in ["sys_bucket"] if c in read.column_names])
        name = table.replace("/", ".") if group == "subjects" else f"{group}.{table}"
        assert sums(read) == asked(city, name, read), f"{reader}: {name}"
        rows += read.num_rows
    assert rows > 0, f"every table of {group} is empty"


def test_the_readers_see_the_same_rows(city):
    lake = Lake(city.lake)
    for table in ["current/le_entity", "subjects/enterprise_financing/enterprise_profile"]:
        columns = ["uscc", "name", "found_date", "reg_capital_wan"]
        seen = {
            reader: sorted(
                map(tuple, (row.values() for row in read(lake, table).select(columns).to_pylist()))
            )
            for reader, read in READERS.items()
        }
        assert seen["deltalake"] == seen["polars"] == seen["duckdb"]
        assert len(seen["deltalake"]) > 30


def test_tables_ask_of_a_reader_no_more_than_version_one(city):
    lake = Lake(city.lake)
    for group in ["changes", "current", "quarantine", "deleted", "subjects"]:
        for table in lake.tables(group):
            protocol = lake.delta(f"{group}/{table}").protocol()
            versions = protocol.min_reader_version, protocol.min_writer_version
            assert versions == (1, 2), f"{group}/{table}"


def test_columns_carry_their_chinese_names_as_comments(city):
    schema = Lake(city.lake).delta("current/le_entity").schema()
    comments = {field.name: field.metadata.get("comment") for field in schema.fields}
    assert comments["uscc"] == "统一社会信用代码"
    assert comments["reg_capital_wan"].startswith("注册资本")
