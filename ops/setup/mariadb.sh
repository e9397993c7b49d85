#!/usr/bin/env bash
# Makes sure that MariaDB's server and client are here: Debian's packages of the programs alone,
# which start nothing.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
has mariadbd || [ -x /usr/sbin/mariadbd ] || debian mariadb-server-core
has mariadb || debian mariadb-client-core
