"""The rows of `docs/faults.md` and the tests that show them, each as a command."""

import os
import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "faults.md"


def rows():
    """`{number: (fault, outcome, what shows it)}`; the last as they stand, in backticks."""
    found = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"\d+b?", cells[0]) and len(cells) == 4:
            found[cells[0]] = (cells[1], cells[2], re.findall(r"`([^`]+)`", cells[3]))
    return found


def command(shown):
    """What runs one test: of Rust, of Python, or a scenario."""
    name, _, test = shown.partition("::")
    if not test:
        return [str(REPOSITORY / "ops" / "faults.sh"), name]
    if name.endswith(".py"):
        return [sys.executable, "-m", "pytest", "-v", "-rP", f"{name}::{test}"]
    parts = pathlib.PurePath(name).parts
    if "src" in parts:
        which = ["--lib", "--bins"]
    else:
        which = ["--test", pathlib.PurePath(parts[parts.index("tests", 1) + 1]).stem]
    return ["cargo", "test", "--release", "--workspace", *which, test]


def run(number):
    """Runs what shows one row; the exit code."""
    known = rows()
    if number not in known:
        print(f"no row {number}: {', '.join(known)}", file=sys.stderr)
        return 2
    fault, outcome, tests = known[number]
    print(f"row {number}: {fault}\nthen: {outcome}", flush=True)
    failed = []
    for shown in tests:
        asked = command(shown)
        print(f"\n==> {' '.join(asked)}", flush=True)
        if subprocess.run(asked, cwd=REPOSITORY, env=os.environ, check=False).returncode:
            failed.append(shown)
    print(f"\nrow {number}: " + (f"FAILED: {', '.join(failed)}" if failed else "as expected"))
    return 1 if failed else 0
