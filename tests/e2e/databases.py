"""The databases that are mirrored: PostgreSQL and MariaDB, spoken to through their own clients, so
that what a test knows of a table comes from nobody else."""

import json
import pathlib
import shutil
import subprocess

from services import Service


class Database(Service):
    """What both have in common: a client that runs SQL text, at once or kept open."""

    def run(self, sql):
        """Runs SQL text to its end and gives what it printed; the first error fails."""
        done = subprocess.run(
            self._client(), input=sql, capture_output=True, text=True, timeout=300, encoding="utf-8"
        )
        if done.returncode:
            raise RuntimeError(f"{self.scripts}: {done.stderr[-2000:]}")
        return done.stdout

    def session(self):
        return Session(self._client())


class Session:
    """A client that stays connected, for many transactions one after the other."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, sql):
        """Runs SQL text that prints nothing; returns when the database has done it."""
        self.process.stdin.write(f"{sql}\nSELECT 'carried out';\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if said != "carried out\n":
            raise RuntimeError(said + self.process.communicate()[0])

    def close(self):
        self.process.communicate()


PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres(Database):
    """A PostgreSQL 15 with one database, `city`."""

    scripts = "postgres"
    schema = "public"

    def rows(self, table):
        """The rows of a table in the order of its first two columns; every value is null or the
        text that PostgreSQL writes in JSON."""
        said = self.run(
            "SELECT (SELECT json_object_agg(key, value) FROM json_each_text(row_to_json(rows)))"
            f" FROM (SELECT * FROM {table} ORDER BY 1, 2) AS rows;"
        )
        return [json.loads(line) for line in said.split("\n") if line]

    def position(self):
        """End of its log."""
        return {"lsn": int(self.run("SELECT pg_current_wal_lsn() - '0/0';"))}

    def copy_to(self, other):
        """Makes the other database what this one is, as by a restored backup: with the rows, and
        with a log that begins anew."""
        dump = [PROGRAMS / "pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        done = subprocess.run([*dump, "city"], capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        other.run(done.stdout)

    def discard(self):
        """Stops it and removes its data, which root's lie outside of the test's folder."""
        self.stop()
        data = pathlib.Path(self.directory) / "data"
        if data.is_symlink():
            shutil.rmtree(data.resolve())

    def _client(self):
        return [
            PROGRAMS / "psql", "-h", "127.0.0.1", "-p", str(self.port),
            "-U", "postgres", "-d", "city", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-",
        ]  # fmt: skip


BINARY = {"binary", "varbinary", "blob", "bit"}


class MariaDb(Database):
    """A MariaDB with one database, `city`."""

    scripts = "mariadb"
    schema = "city"

    def rows(self, table):
        """The rows of a table in the order of its first two columns; every value is null or its
        text, of binary ones in hexadecimal."""
        said = self.run(
            "SELECT column_name, data_type FROM information_schema.columns"
            f" WHERE table_schema = 'city' AND table_name = '{table}' ORDER BY ordinal_position;"
        )
        columns = [line.split("\t") for line in said.split("\n") if line]
        fields = ", ".join(
            f"'{name}', {'HEX' if kind in BINARY else 'CONCAT'}(`{name}`)" for name, kind in columns
        )
        order = ", ".join(f"`{name}`" for name, _ in columns[:2])
        said = self.run(f"SELECT JSON_OBJECT({fields}) FROM `{table}` ORDER BY {order};")
        return [json.loads(line) for line in said.split("\n") if line]

    def position(self):
        """End of its log."""
        file, position, *_ = self.run("SHOW MASTER STATUS;").split("\t")
        return {"file": file, "pos": int(position)}

    def discard(self):
        self.stop()

    def _client(self):
        return [
            "mariadb", "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", str(self.port),
            "-u", "city", "--default-character-set=utf8mb4", "--batch", "--raw", "--unbuffered",
            "--skip-column-names", "city",
        ]  # fmt: skip
