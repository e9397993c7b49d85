#!/usr/bin/env bash
# postgres-stop.sh DIR: stops the PostgreSQL that postgres-start.sh started on DIR, at
# once and orderly (SIGINT, its "fast shutdown"). Its data stay.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
[ $# -eq 1 ] || fail "usage: postgres-stop.sh DIR"
[ ! -f "$1/pid" ] || kill -INT "$(cat "$1/pid")" 2>/dev/null || true
stop "$1" 30
