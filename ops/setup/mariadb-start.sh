#!/usr/bin/env bash
# mariadb-start.sh DIR PORT: starts a MariaDB whose binary log Debezium can read, with its data in
# DIR, and returns when it answers. Started again on the same DIR it goes on with the same data.
# Loopback only; user `city` and database `city`, without a password: whoever is on this machine
# is trusted.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

[ $# -eq 2 ] || fail "usage: mariadb-start.sh DIR PORT"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=$2
"$setup/mariadb.sh"
PATH=$PATH:/usr/sbin
# It would leave root by itself, but not reach a test's folder then.
user=$(id -un)

if [ ! -d "$dir/data" ]; then
  mariadb-install-db --no-defaults --datadir="$dir/data" --user="$user" --skip-test-db \
    --auth-root-authentication-method=normal >"$dir/install.log" 2>&1 ||
    fail "cannot make the database: see $dir/install.log"
  cat >"$dir/init.sql" <<'SQL'
CREATE DATABASE IF NOT EXISTS city CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS city@'127.0.0.1';
GRANT ALL PRIVILEGES ON *.* TO city@'127.0.0.1';
SQL
fi

: >"$dir/mariadb.log"
# Sockets have short names by law; nobody uses this one.
setsid mariadbd --no-defaults --datadir="$dir/data" --user="$user" --port="$port" \
  --bind-address=127.0.0.1 --skip-name-resolve --socket="$(mktemp -u)" --pid-file="$dir/own.pid" \
  --init-file="$dir/init.sql" --server-id=1 --log-bin="$dir/data/binlog" --binlog-format=ROW \
  --binlog-row-image=FULL --binlog-row-metadata=FULL --character-set-server=utf8mb4 \
  --default-time-zone=+00:00 --innodb-flush-log-at-trx-commit=0 \
  >"$dir/mariadb.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$dir/pid"
ask() { mariadb --no-defaults --protocol=tcp -h 127.0.0.1 -P "$port" -u city city -e 'SELECT 1'; }
await 120 "$pid" ask || fail "MariaDB did not start: see $dir/mariadb.log"
