#!/usr/bin/env bash
# postgres-start.sh DIR PORT: starts a PostgreSQL 15 whose log Debezium can read, with its data in
# DIR, and returns when it answers. Started again on the same DIR it goes on with the same data.
# Loopback only; user `postgres` and database `city`, without a password: whoever is on this
# machine is trusted.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

[ $# -eq 2 ] || fail "usage: postgres-start.sh DIR PORT"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=$2
programs=$("$setup/postgres.sh")

# The server refuses to run as root.
server=()
if [ "$(id -u)" -eq 0 ]; then server=(setpriv --reuid=postgres --regid=postgres --init-groups); fi
server=("${server[@]}" env -i LC_ALL=C.UTF-8 TZ=UTC)

# Its own user must reach the data through the folders above, which tests make for theirs alone:
# so the data of a root's test lie elsewhere, and DIR/data leads there.
if [ ! -e "$dir/data" ]; then
  if [ "$(id -u)" -eq 0 ]; then
    place=$(mktemp -d "${TMPDIR:-/tmp}/postgres.XXXXXX")
    chown postgres: "$place"
    ln -s "$place" "$dir/data"
  else
    mkdir "$dir/data"
  fi
  "${server[@]}" "$programs/initdb" --pgdata="$(realpath "$dir/data")" --username=postgres \
    --encoding=UTF8 --locale=C.UTF-8 --auth=trust --no-sync >"$dir/initdb.log" 2>&1 ||
    fail "cannot make the database: see $dir/initdb.log"
fi

: >"$dir/postgres.log"
(cd / && exec setsid "${server[@]}" "$programs/postgres" -D "$(realpath "$dir/data")" -p "$port" \
  -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c wal_level=logical \
  -c max_replication_slots=20 -c max_wal_senders=20 -c wal_sender_timeout=10s \
  -c fsync=off -c timezone=UTC) >"$dir/postgres.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$dir/pid"

ask() { "$programs/psql" -h 127.0.0.1 -p "$port" -U postgres -XAtqc "$1" "${2:-postgres}"; }
await 120 "$pid" ask 'SELECT 1' || fail "PostgreSQL did not start: see $dir/postgres.log"
[ "$(ask "SELECT count(*) FROM pg_database WHERE datname = 'city'")" = 1 ] ||
  ask 'CREATE DATABASE city'
