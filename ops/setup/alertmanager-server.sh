#!/usr/bin/env bash
# Prints the path of Alertmanager's server, unpacked beside amtool. Debian's looks for its templates
# under one absolute path, which leads to the unpacked ones where no package has put them.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

server=$(dirname "$("$setup/alertmanager.sh")")/prometheus-alertmanager
[ -x "$server" ] || fail "no server beside amtool: $server"
place=/usr/share/prometheus/alertmanager
if [ ! -e "$place/default.tmpl" ]; then
  as_root mkdir -p "$(dirname "$place")"
  as_root ln -sfn "$(cd "$(dirname "$server")/../share/prometheus/alertmanager" && pwd)" "$place"
fi
printf '%s\n' "$server"
