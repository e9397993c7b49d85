#!/usr/bin/env bash
# Prints the path of a checker of compose files: compose/main.go around the library that the compose
# command itself reads them with, pinned by compose/go.sum. It starts nothing.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

checker=$cache/compose-$(fingerprint "$setup"/compose/{main.go,go.mod,go.sum})
if [ ! -x "$checker" ]; then
  has go || fail "no go: install Go to check docker-compose.yml"
  say "checker of compose files"
  (cd "$setup/compose" && GOTOOLCHAIN=local go build -o "$checker" .) >&2
fi
printf '%s\n' "$checker"
