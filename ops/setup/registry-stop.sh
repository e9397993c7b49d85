#!/usr/bin/env bash
# registry-stop.sh DIR: stops the schema registry that registry-start.sh started on DIR. Its
# schemas stay.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
[ $# -eq 1 ] || fail "usage: registry-stop.sh DIR"
stop "$1" 30
