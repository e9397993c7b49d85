#!/usr/bin/env bash
# kafka-stop.sh DIR: stops the broker that kafka-start.sh started on DIR. Its data stays.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
[ $# -eq 1 ] || fail "usage: kafka-stop.sh DIR"
stop "$1" 30
