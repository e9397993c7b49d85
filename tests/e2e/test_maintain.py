"""Maintenance beside everything else: nothing lost, nothing doubled, no reader turned away.

HUILIU_E2E_RACE_SECONDS sets how long the race lasts (90), HUILIU_E2E_SEED its city.
"""

import json
import os
import pathlib
import random
import threading
import time

from accounting import check_everything
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from lake import Lake

SECONDS = float(os.environ.get("HUILIU_E2E_RACE_SECONDS", "90"))
SEED = int(os.environ.get("HUILIU_E2E_SEED", random.SystemRandom().randrange(1 << 32)))
DAY = 86_400
# Beyond the 43 hours after which what nothing names is deleted, below the 7 days of the log.
AGE_SECONDS = 2 * DAY


def operations(lake):
    """How often which operation was committed, over all tables."""
    counts = {}
    for group in ["changes", "quarantine", "current", "deleted", "ledger"]:
        for name in lake.tables(group):
            for actions in lake.commits(f"{group}/{name}"):
                for action in actions:
                    if "commitInfo" in action:
                        operation = action["commitInfo"]["operation"]
                        counts[operation] = counts.get(operation, 0) + 1
    return counts


class Ager:
    """Lets days pass for files that are committed: maintenance then finds what it may delete.

    Nothing that runs is outlived: only what was committed before everything that runs began grows
    old. Files that no log names stay as they are, as within the time that a commit may take.
    """

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.seen = {}
        self.read = set()

    def pass_time(self, begun):
        """`begun` is when the oldest of what runs began, by the monotonic clock."""
        now = time.monotonic()
        for log in self.root.rglob("_delta_log/*.json"):
            self.seen.setdefault(log, now)
            if log in self.read:
                continue
            self.read.add(log)
            for line in log.read_text().splitlines():
                if add := json.loads(line).get("add"):
                    self.seen.setdefault(log.parent.parent / add["path"], now)
        for path, since in list(self.seen.items()):
            if since >= begun:
                continue
            try:
                made = path.stat().st_mtime
                if time.time() - made < DAY:
                    os.utime(path, (made - AGE_SECONDS, made - AGE_SECONDS))
            except FileNotFoundError:
                del self.seen[path]


class Race:
    """Threads that go on until the time is over; the first failure ends them all."""

    def __init__(self, seconds):
        self.until = time.monotonic() + seconds
        self.failures = []
        self.rounds = {}
        self.begun = {}

    def oldest(self):
        return min(self.begun.copy().values(), default=time.monotonic())

    def run(self, **steps):
        threads = [
            threading.Thread(target=self._repeat, args=(name, step)) for name, step in steps.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.failures, self.failures[0]
        assert set(self.rounds) == set(steps), f"one never ended a round: {self.rounds}"

    def _repeat(self, name, step):
        while time.monotonic() < self.until and not self.failures:
            if name != "time":
                self.begun[name] = time.monotonic()
            try:
                step()
            except BaseException as failure:
                self.failures.append(f"{name}: {failure!r}")
                return
            self.rounds[name] = self.rounds.get(name, 0) + 1
        self.begun.pop(name, None)


def read_everything(lake, chance):
    """Another engine opens a table, waits, and reads every row of the version it opened."""
    name = chance.choice(["water_bill", "np_person", "le_entity", "power_bill"])
    table = f"{chance.choice(['current', 'changes', 'deleted'])}/{name}"
    try:
        opened = DeltaTable(lake.path(table))
    except TableNotFoundError:
        return
    stated = sum(opened.get_add_actions(flatten=True).column("num_records").to_pylist())
    time.sleep(chance.uniform(0, 2))
    assert opened.to_pyarrow_table().num_rows == stated, table


def test_maintenance_races_landing_folds_refreshes_and_readers(broker, topics, huiliu):
    print(f"\nseed {SEED}, {SECONDS} s")
    huiliu.settle(commit_every="300ms")
    chance = random.Random(SEED)
    turn = iter(range(1_000_000))
    lake, ager = Lake(huiliu.lake), Ager(huiliu.lake)
    for _ in range(2):
        huiliu.generate(broker, 2_000, SEED % 100_000 + next(turn), 2)
        huiliu.run_once(broker)
        ager.pass_time(time.monotonic())

    def publish_land_fold_refresh():
        huiliu.generate(broker, 2_000, SEED % 100_000 + next(turn), 2)
        huiliu.run_once(broker)

    def maintain():
        huiliu.run("maintain", "--lake", huiliu.lake)

    race = Race(SECONDS)
    race.run(
        writer=publish_land_fold_refresh,
        maintenance=maintain,
        another_maintenance=maintain,
        time=lambda: (ager.pass_time(race.oldest()), time.sleep(1)),
        reader=lambda: read_everything(lake, chance),
    )
    huiliu.run_once(broker)
    facts = check_everything(broker, lake)
    done = operations(lake)
    print(dict(facts), done, race.rounds)
    assert done.get("OPTIMIZE") and done.get("VACUUM"), f"nothing was raced: {done}"
    huiliu.run("verify", "--lake", huiliu.lake)


def test_a_dry_run_names_what_a_run_then_does(broker, topics, huiliu):
    for part in range(3):
        huiliu.generate(broker, 1_500, SEED % 100_000 + part, 1)
        huiliu.run_once(broker)
    lake, ager = Lake(huiliu.lake), Ager(huiliu.lake)
    for _ in range(2):
        ager.pass_time(time.monotonic())

    def files():
        return {str(path): path.stat().st_mtime for path in ager.root.rglob("part-*")}

    before = files()
    dry = json.loads(huiliu.run("maintain", "--dry-run", "--lake", huiliu.lake, "-o", "json").stdout)
    assert files() == before and dry["dry_run"] is True
    done = json.loads(huiliu.run("maintain", "--lake", huiliu.lake, "-o", "json").stdout)
    assert dry["total"] == done["total"]
    assert done["total"]["deleted_files"] > 0
    gone = before.keys() - files().keys()
    assert len(gone) == done["total"]["deleted_files"]
    check_everything(broker, lake)
    unknown = huiliu.run("maintain", "no_such", "--lake", huiliu.lake, expect=78)
    assert b"no table, dataset or subject `no_such`" in unknown.stderr
