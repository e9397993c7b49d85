#!/usr/bin/env bash
# Prints the folder of the jars of the Avro converter for Kafka Connect (converter/pom.xml).
# `converter.sh --pin` after a change of it.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
pinned_jars converter "${1:-}"
