#!/usr/bin/env bash
# faults.sh [SCENARIO...] [--list] [--soak HOURS] [--seed N]: runs the release binary against real
# services while they and it are harmed, and prints a table: scenario, expected, seen, seconds.
# faults.sh row NUMBER...: runs the tests that show these rows of docs/faults.md, of whatever kind.
# Fails when one is not as expected. Disks that fill up are mounted: those two scenarios need root.
. "$(dirname "${BASH_SOURCE[0]}")/setup/prelude.sh"

venv=$("$setup/python.sh")
"$setup/kafka.sh" >/dev/null
"$setup/s3.sh" >/dev/null
export HUILIU_BIN=${HUILIU_BIN:-$CARGO_TARGET_DIR/release/huiliu} PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$project/tests/faults" "$@"
