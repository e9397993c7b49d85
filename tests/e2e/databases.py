"""The databases that are mirrored: PostgreSQL and MariaDB, spoken to through their own clients, so
that what a test knows of a table comes from nobody else."""

import json
import pathlib
import shutil
import subprocess

from places import SETUP
from services import Service


class Postgres(Service):
    """A PostgreSQL 15 with one database, `city`."""

    scripts = "postgres"
    schema = "public"

    def run(self, sql):
        """Runs SQL text to its end and gives what it printed; the first error fails."""
        return self._client("-f", "-", given=sql)

    def rows(self, table):
        """The rows of a table in the order of its first two columns; every value is null or the
        text that PostgreSQL writes in JSON."""
        said = self.run(
            "SELECT (SELECT json_object_agg(key, value) FROM json_each_text(row_to_json(rows)))"
            f" FROM (SELECT * FROM {table} ORDER BY 1, 2) AS rows;"
        )
        return [json.loads(line) for line in said.splitlines()]

    def position(self):
        """End of its log."""
        return {"lsn": int(self.run("SELECT pg_current_wal_lsn() - '0/0';"))}

    def discard(self):
        """Stops it and removes its data, which root's lie outside of the test's folder."""
        self.stop()
        data = pathlib.Path(self.directory) / "data"
        if data.is_symlink():
            shutil.rmtree(data.resolve())

    def _client(self, *arguments, given=None):
        programs = pathlib.Path("/usr/lib/postgresql/15/bin")
        command = [
            programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
            "-d", "city", "-XAtq", "-v", "ON_ERROR_STOP=1", *arguments,
        ]  # fmt: skip
        return _client(command, given)


BINARY = {"binary", "varbinary", "blob", "bit"}


class MariaDb(Service):
    """A MariaDB with one database, `city`."""

    scripts = "mariadb"
    schema = "city"

    def run(self, sql):
        """Runs SQL text to its end and gives what it printed; the first error fails."""
        command = [
            "mariadb", "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", str(self.port),
            "-u", "city", "--default-character-set=utf8mb4", "--batch", "--raw",
            "--skip-column-names", "city",
        ]  # fmt: skip
        return _client(command, sql)

    def rows(self, table):
        """The rows of a table in the order of its first two columns; every value is null or its
        text, of binary ones in hexadecimal."""
        said = self.run(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = 'city' AND table_name = '{table}' ORDER BY ordinal_position;"
        )
        columns = [line.split("\t") for line in said.splitlines()]
        fields = ", ".join(
            f"'{name}', {'HEX' if kind in BINARY else 'CONCAT'}(`{name}`)" for name, kind in columns
        )
        order = ", ".join(f"`{name}`" for name, _ in columns[:2])
        said = self.run(f"SELECT JSON_OBJECT({fields}) FROM `{table}` ORDER BY {order};")
        return [json.loads(line) for line in said.splitlines()]

    def position(self):
        """End of its log."""
        file, position, *_ = self.run("SHOW MASTER STATUS;").split("\t")
        return {"file": file, "pos": int(position)}

    def discard(self):
        self.stop()


def _client(command, given):
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, encoding="utf-8", timeout=300
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-2000:]}")
    return done.stdout
