#!/usr/bin/env bash
# Prints the path of an OpenTelemetry Collector that takes OTLP and writes it to a file: built by Go
# from collector/main.go and the modules that collector/go.sum pins (105 MiB), the first time in two
# and a half CPU minutes.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

collector=$cache/collector-$(fingerprint "$setup"/collector/{main.go,go.mod,go.sum})
if [ ! -x "$collector" ]; then
  has go || fail "no go: install Go to build the OpenTelemetry Collector with"
  say "OpenTelemetry Collector (this takes some minutes)"
  export GOTOOLCHAIN=local
  (cd "$setup/collector" && go build -trimpath -ldflags='-s -w' -o "$collector" .) >&2
fi
printf '%s\n' "$collector"
