#!/usr/bin/env bash
# connect-start.sh DIR PORT BOOTSTRAP_SERVERS: starts one Kafka Connect worker with Debezium's
# connectors, its REST interface on PORT, and returns when that answers. Connectors and their
# offsets are kept in Kafka, so a worker started again goes on with them. Loopback only.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

[ $# -eq 3 ] || fail "usage: connect-start.sh DIR PORT BOOTSTRAP_SERVERS"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=$2
{ read -r runtime && read -r debezium && read -r converter; } < <("$setup/connect.sh")
[ -n "$converter" ] || fail "no jars of Kafka Connect"
# A plugin is a folder within the folder of plugins.
mkdir -p "$dir/plugins"
ln -sfn "$debezium" "$dir/plugins/debezium"
ln -sfn "$converter" "$dir/plugins/converter"

cat >"$dir/worker.properties" <<END
bootstrap.servers=$3
group.id=connect
listeners=http://127.0.0.1:$port
rest.advertised.host.name=127.0.0.1
plugin.path=$dir/plugins
# The converter's jar does not list what is in it.
plugin.discovery=hybrid_warn
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
config.storage.topic=__connect_configs
offset.storage.topic=__connect_offsets
status.storage.topic=__connect_status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=1
status.storage.partitions=1
# Connectors name their passwords as \${env:NAME} and keep none.
config.providers=env
config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.env.param.allowlist.pattern=(POSTGRES|MARIADB)_PASSWORD
# A test's worker is alone and need not wait for others; a killed one is soon forgotten.
scheduled.rebalance.max.delay.ms=0
session.timeout.ms=6000
heartbeat.interval.ms=1000
offset.flush.interval.ms=1000
END

: >"$dir/connect.log"
setsid java -cp "$runtime/*" "-Dlog4j2.configurationFile=$setup/connect/log4j2.xml" \
  -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  org.apache.kafka.connect.cli.ConnectDistributed "$dir/worker.properties" \
  >"$dir/connect.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$dir/pid"
# The interface answers with an error until the worker has read Kafka.
ready() { curl --fail --silent "http://127.0.0.1:$port/connectors"; }
has curl || debian curl
await 180 "$pid" ready || fail "Kafka Connect did not start: see $dir/connect.log"
