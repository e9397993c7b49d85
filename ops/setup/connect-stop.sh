#!/usr/bin/env bash
# connect-stop.sh DIR: stops the Kafka Connect worker that connect-start.sh started on DIR. Its
# connectors and their offsets stay in Kafka.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
[ $# -eq 1 ] || fail "usage: connect-stop.sh DIR"
stop "$1" 30
