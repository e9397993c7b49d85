"""Reading a lake without the program under test: its Delta logs as text, its rows by deltalake."""

import json
import pathlib

from deltalake import DeltaTable

from s3client import Client


class Lake:
    """A lake in a directory, or in a bucket when an account is given."""

    def __init__(self, url, account=None):
        self.url = url
        self.account = account

    def tables(self, group):
        """Names below `changes`, `current`, …; for `subjects` as `<subject>/<table>`."""
        depth = 2 if group == "subjects" else 1
        found = set()
        for path in self._paths(f"{group}/"):
            parts = path.split("/")
            if "_delta_log" in parts and parts.index("_delta_log") == depth + 1:
                found.add("/".join(parts[1 : depth + 1]))
        return sorted(found)

    def exists(self, table):
        return any(path.endswith(".json") for path in self._paths(f"{table}/_delta_log/"))

    def commits(self, table):
        """The actions of every version, oldest first; the versions have no hole."""
        prefix = f"{table}/_delta_log/"
        names = [path[len(prefix) :] for path in self._paths(prefix)]
        versions = sorted(name for name in names if name.endswith(".json") and len(name) == 25)
        assert [int(name[:20]) for name in versions] == list(range(len(versions))), table
        return [
            [json.loads(line) for line in self._read(prefix + name).splitlines()]
            for name in versions
        ]

    def rows(self, table, columns=None):
        """The table's rows as columns: `{name: [values]}`."""
        return self.delta(table).to_pyarrow_table(columns=columns).to_pydict()

    def delta(self, table):
        return DeltaTable(self.path(table), storage_options=self.storage_options())

    def path(self, table):
        return f"{self.url}/{table}"

    def storage_options(self):
        return self.account.storage_options() if self.account else None

    def _paths(self, prefix):
        if self.account:
            inside = self.url.removeprefix(f"s3://{self.account.bucket}/") + "/"
            keys = Client(self.account).list(inside + prefix)
            return [key.removeprefix(inside) for key in keys]
        root = pathlib.Path(self.url)
        found = (root / prefix).rglob("*") if (root / prefix).is_dir() else []
        return [str(path.relative_to(root)) for path in found]

    def _read(self, path):
        if self.account:
            inside = self.url.removeprefix(f"s3://{self.account.bucket}/") + "/"
            return Client(self.account).get(inside + path)
        return (pathlib.Path(self.url) / path).read_bytes()


def receipts(commits):
    """What each commit says under `huiliu`, for the commits that cover offsets."""
    infos = (
        action["commitInfo"] for actions in commits for action in actions if "commitInfo" in action
    )
    found = (info.get("huiliu") or {} for info in infos)
    return [receipt for receipt in found if receipt.get("covers")]


def progress(commits):
    """The newest version of each app id."""
    recorded = {}
    for actions in commits:
        for action in actions:
            if "txn" in action:
                recorded[action["txn"]["appId"]] = action["txn"]["version"]
    return recorded
