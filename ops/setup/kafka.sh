#!/usr/bin/env bash
# Prints the folder of Apache Kafka's jars (kafka/pom.xml), fetched where they are missing. Needs
# Java 17 or newer. `kafka.sh --pin` after a change of kafka/pom.xml.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
pinned_jars kafka "${1:-}"
