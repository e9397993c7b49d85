#!/usr/bin/env bash
# Fetches Apache Kafka's jars (kafka/pom.xml) with the machine's own Maven, holds each of them
# against kafka/SHA256SUMS, and prints the folder they lie in. Needs Java 17 or newer.
#
# After a change of kafka/pom.xml: `kafka.sh --pin` writes SHA256SUMS anew; review the difference.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
# One order of names wherever this runs.
export LC_ALL=C

fetch() {
  has mvn || debian maven
  say "Apache Kafka's jars"
  mvn --quiet --batch-mode -f "$setup/kafka/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$1" >"$1.log" 2>&1 ||
    { cat "$1.log" >&2 && fail "Maven could not fetch Kafka's jars"; }
}

if ! has java; then debian openjdk-17-jre-headless; fi
incoming=$(mktemp -d "$cache/kafka.XXXXXX")
trap 'rm -rf "$incoming" "$incoming.log"' EXIT

if [ "${1:-}" = --pin ]; then
  fetch "$incoming"
  (cd "$incoming" && sha256sum -- *.jar) >"$setup/kafka/SHA256SUMS"
  exit
fi

jars=$cache/kafka-$(fingerprint "$setup/kafka/SHA256SUMS")
if [ ! -d "$jars" ]; then
  fetch "$incoming"
  (cd "$incoming" && sha256sum --check --strict --quiet "$setup/kafka/SHA256SUMS") >&2 ||
    fail "a jar is not the one that kafka/SHA256SUMS names"
  extra=$(cd "$incoming" && printf '%s\n' * | comm -23 - <(cut -c67- "$setup/kafka/SHA256SUMS"))
  [ -z "$extra" ] || fail "jars that kafka/SHA256SUMS does not name: $extra"
  chmod 755 "$incoming"
  mv "$incoming" "$jars" 2>/dev/null || [ -d "$jars" ] || fail "cannot write $jars"
fi
printf '%s\n' "$jars"
