#!/usr/bin/env bash
# Prints the path of promtool; the server lies beside it. Where it is not installed, Debian's package
# is unpacked into the cache rather than installed: installing it would start a server.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

if has promtool; then
  command -v promtool
  exit
fi
tools=$cache/prometheus
[ -x "$tools/usr/bin/promtool" ] || unpacked prometheus "$tools"
printf '%s\n' "$tools/usr/bin/promtool"
