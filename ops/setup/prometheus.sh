#!/usr/bin/env bash
# Prints the path of promtool. Where it is not installed, Debian's package is unpacked into the
# cache rather than installed: installing it would start a server on this machine.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

if has promtool; then
  command -v promtool
  exit
fi
tools=$cache/prometheus
if [ ! -x "$tools/usr/bin/promtool" ]; then
  has apt-get || fail "no promtool, and no apt-get to fetch Debian's package prometheus with"
  say "Debian's promtool"
  incoming=$(mktemp -d "$cache/prometheus.XXXXXX")
  trap 'rm -rf "$incoming"' EXIT
  apt-cache show prometheus >/dev/null 2>&1 || apt_update
  (cd "$incoming" && apt-get download -qq prometheus >&2) ||
    { apt_update && (cd "$incoming" && apt-get download -qq prometheus >&2); }
  dpkg-deb --extract "$incoming"/prometheus_*.deb "$incoming/files"
  chmod 755 "$incoming/files"
  rm -rf "$tools"
  mv "$incoming/files" "$tools"
fi
printf '%s\n' "$tools/usr/bin/promtool"
