#!/usr/bin/env bash
# Prints two folders of jars, one a line: Kafka Connect (connect/pom.xml), and Debezium's
# connectors for PostgreSQL and MariaDB, its plugins (debezium/pom.xml). `connect.sh --pin` after
# a change of one of them.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
pinned_jars connect "${1:-}"
pinned_jars debezium "${1:-}"
