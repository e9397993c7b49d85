#!/usr/bin/env bash
# Prints the path of amtool, Alertmanager's checker. Where it is not installed, Debian's package is
# unpacked into the cache rather than installed: installing it would start a server.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

if has amtool; then
  command -v amtool
  exit
fi
tools=$cache/alertmanager
[ -x "$tools/usr/bin/amtool" ] || unpacked prometheus-alertmanager "$tools"
printf '%s\n' "$tools/usr/bin/amtool"
