#!/usr/bin/env bash
# Prints the folder of PostgreSQL 15's programs: Debian's package. Debian would make a database
# with it and start it, where none was before; that is switched off first.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

programs=/usr/lib/postgresql/15/bin
if [ ! -x "$programs/postgres" ]; then
  debian postgresql-common
  as_root sed -i 's/^#\?create_main_cluster *=.*/create_main_cluster = false/' \
    /etc/postgresql-common/createcluster.conf
  debian postgresql-15
fi
[ -x "$programs/postgres" ] || fail "no PostgreSQL 15 in $programs"
printf '%s\n' "$programs"
