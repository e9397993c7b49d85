#!/usr/bin/env bash
# registry-start.sh DIR PORT: starts a schema registry that keeps its schemas and its log in DIR,
# and returns when it answers; its address is http://127.0.0.1:PORT/apis/ccompat/v7. Started again
# on the same DIR it goes on with the same schemas. Loopback only.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

[ $# -eq 2 ] || fail "usage: registry-start.sh DIR PORT"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=$2
registry=$("$setup/registry.sh")

export REGISTRY_DATASOURCE_URL=jdbc:h2:file:$dir/schemas
setsid java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port" \
  -jar "$registry"/apicurio-registry-app-*-runner.jar \
  >"$dir/registry.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$dir/pid"
await 120 "$pid" grep -q 'Listening on' "$dir/registry.log" && await 10 "$pid" answers "$port" ||
  fail "the schema registry did not start: see $dir/registry.log"
