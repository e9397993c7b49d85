#!/usr/bin/env bash
# mariadb-stop.sh DIR: stops the MariaDB that mariadb-start.sh started on DIR. Its data stay.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
[ $# -eq 1 ] || fail "usage: mariadb-stop.sh DIR"
stop "$1" 30
