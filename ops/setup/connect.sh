#!/usr/bin/env bash
# Prints three folders of jars, one a line: Kafka Connect (connect/pom.xml), and its plugins:
# Debezium's connectors for PostgreSQL and MariaDB (debezium/pom.xml), and a converter to Avro
# (converter/pom.xml). `connect.sh --pin` after a change of one of them.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
pinned_jars connect "${1:-}"
pinned_jars debezium "${1:-}"
pinned_jars converter "${1:-}"
