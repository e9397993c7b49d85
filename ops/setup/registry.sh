#!/usr/bin/env bash
# Fetches the schema registry (Apicurio Registry, registry/pom.xml) with the machine's own Maven,
# holds the archive against registry/SHA256SUMS, unpacks it, and prints the folder it lies in.
# Needs Java 17 or newer.
#
# After a change of registry/pom.xml: `registry.sh --pin` writes SHA256SUMS anew; review the
# difference.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

fetch() {
  has mvn || debian maven
  say "the schema registry"
  mvn --quiet --batch-mode -f "$setup/registry/pom.xml" dependency:copy \
    -DoutputDirectory="$1" >"$1.log" 2>&1 ||
    { cat "$1.log" >&2 && fail "Maven could not fetch the schema registry"; }
}

if ! has java; then debian openjdk-17-jre-headless; fi
incoming=$(mktemp -d "$cache/registry.XXXXXX")
trap 'rm -rf "$incoming" "$incoming.log"' EXIT

if [ "${1:-}" = --pin ]; then
  fetch "$incoming"
  (cd "$incoming" && sha256sum -- *.tar.gz) >"$setup/registry/SHA256SUMS"
  exit
fi

registry=$cache/registry-$(fingerprint "$setup/registry/SHA256SUMS")
if [ ! -d "$registry" ]; then
  fetch "$incoming"
  (cd "$incoming" && sha256sum --check --strict --quiet "$setup/registry/SHA256SUMS") >&2 ||
    fail "the archive is not the one that registry/SHA256SUMS names"
  mkdir "$incoming/unpacked"
  tar -xzf "$incoming"/*.tar.gz -C "$incoming/unpacked"
  mv "$incoming/unpacked" "$registry" 2>/dev/null || [ -d "$registry" ] ||
    fail "cannot write $registry"
fi
printf '%s\n' "$registry"
