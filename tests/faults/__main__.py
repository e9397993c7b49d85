"""Runs scenarios one after the other and prints a table; see `ops/faults.sh --help`."""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import assignments  # noqa: E402, F401
import rows  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402
from soak import one_lake  # noqa: E402
from world import Shared, World  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(prog="ops/faults.sh", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names; without any, all of them")
    parser.add_argument("--list", action="store_true", help="print the scenarios and leave")
    parser.add_argument("--soak", type=float, metavar="HOURS", help="random faults for so long")
    parser.add_argument("--seed", type=int, help="replays the random choices of a run")
    parser.add_argument("--binary", default=os.environ.get("HUILIU_BIN"), help="or HUILIU_BIN")
    found = parser.parse_args()
    unknown = set(found.scenario) - SCENARIOS.keys()
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}: see --list")
    if not found.list and not (found.binary and os.access(found.binary, os.X_OK)):
        parser.error(f"no binary at {found.binary}: cargo build --release -p huiliu")
    return found


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(shared, name, function, chance):
    """Runs one scenario; `(what was seen, seconds, whether it is well)`."""
    world, begun = World(shared, name.replace("_", "-"), chance), time.monotonic()
    try:
        seen, well = function(world), True
    except Exception as error:
        traceback.print_exc()
        seen, well = f"FAILED: {first_line(error)}", False
    try:
        world.end()
    finally:
        if well:
            shutil.rmtree(world.folder, ignore_errors=True)
        else:
            say(f"what it left is in {world.folder}")
    return seen, time.monotonic() - begun, well


def first_line(error):
    lines = str(error).strip().splitlines() or [repr(error)]
    return lines[0][:160]


def main():
    if sys.argv[1:2] == ["row"]:
        return max(rows.run(number) for number in sys.argv[2:] or rows.rows())
    asked = arguments()
    if asked.list:
        for name, (_, expected) in SCENARIOS.items():
            print(f"{name:32} {expected}")
        return 0
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1 << 32)
    folder = tempfile.mkdtemp(prefix="huiliu-faults-")
    shared, results = Shared(asked.binary, folder), []
    say(f"seed {seed}, working folder {folder}")
    try:
        if asked.soak is None or asked.scenario:
            for name in asked.scenario or SCENARIOS:
                function, expected = SCENARIOS[name]
                say(f"==> {name}: {expected}")
                results.append((name, expected, *run(shared, name, function,
                                                     random.Random(f"{seed} {name}"))))  # fmt: skip
                say(f"    {results[-1][2]} ({results[-1][3]:.0f} s)")
        if asked.soak is not None:
            results += soak(shared, seed, asked.soak)
    finally:
        shared.stop()
    print(f"seed {seed}\n")
    print("| scenario | expected | seen | seconds |\n|---|---|---|---:|")
    for name, expected, seen, seconds, _ in results:
        print(f"| {name} | {expected} | {seen} | {seconds:.0f} |")
    failed = [name for name, *_, well in results if not well]
    print(f"\n{len(results) - len(failed)} of {len(results)} as expected")
    if not failed:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


def soak(shared, seed, hours):
    """Lakes under random faults until the time is over, one result for each."""
    deadline, number, results = time.monotonic() + hours * 3600, 0, []
    while time.monotonic() < deadline:
        name = f"soak_{number}"
        say(f"==> {name} of seed {seed}")
        chance = random.Random(f"{seed} {name}")
        outcome = run(shared, name, lambda world: one_lake(world, say), chance)
        results.append((name, "random faults: each offset once", *outcome))
        say(f"    {outcome[0]} ({outcome[1]:.0f} s)")
        number += 1
    return results


sys.exit(main())
