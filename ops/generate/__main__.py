"""Writes what is generated under ops/: rules, alerts and dashboards.

python3 ops/generate            writes
python3 ops/generate --check    exits 1 and names the files that differ
"""

import json
import sys

import alerts
import dashboards
import rules
from declared import REPOSITORY

RULES = REPOSITORY / "ops" / "prometheus" / "rules"
BOARDS = REPOSITORY / "ops" / "grafana" / "dashboards"


def wanted():
    files = {RULES / name: text for name, text in {**rules.files(), **alerts.files()}.items()}
    for board in dashboards.boards():
        text = json.dumps(board, ensure_ascii=False, indent=1) + "\n"
        files[BOARDS / f"{board['uid']}.json"] = text
    return files


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    files = wanted()
    there = {*RULES.glob("*.yml"), *BOARDS.glob("*.json")}
    different = [p for p, text in files.items() if p not in there or p.read_text() != text]
    different += there - files.keys()
    if arguments:
        for path in different:
            print(
                f"{path.relative_to(REPOSITORY)} differs: run python3 ops/generate", file=sys.stderr
            )
        return 1 if different else 0
    for path in there - files.keys():
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
