#!/usr/bin/env bash
# kafka-start.sh DIR PORT: starts one Kafka broker (KRaft, its own controller on PORT + 1) that
# keeps its data and log in DIR, and returns when it answers. Started again on the same DIR it
# goes on with the same data. Loopback only. Settings in DIR/extra.properties win over those here;
# one of several brokers names the others there, in controller.quorum.voters.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

[ $# -eq 2 ] || fail "usage: kafka-start.sh DIR PORT"
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=$2
jars=$("$setup/kafka.sh")
java=(java -cp "$jars/*" "-Dlog4j2.configurationFile=$setup/kafka/log4j2.xml")

cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.num.partitions=3
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Tests kill consumers and do not wait half a minute for their partitions.
group.min.session.timeout.ms=1000
# Larger than the largest record that the tests send (20 MB).
message.max.bytes=33554432
replica.fetch.max.bytes=33554432
log.retention.ms=-1
EOF

[ ! -f "$dir/extra.properties" ] || cat "$dir/extra.properties" >>"$dir/server.properties"
alone=(--standalone)
if grep -q '^controller.quorum.voters=' "$dir/server.properties"; then alone=(); fi

if [ ! -f "$dir/data/meta.properties" ]; then
  "${java[@]}" -Xmx128m kafka.tools.StorageTool format "${alone[@]}" \
    --cluster-id huiliu-one-broker-0001 --config "$dir/server.properties" \
    >"$dir/format.log" 2>&1 || fail "cannot format $dir/data: see $dir/format.log"
fi

: >"$dir/broker.log"
setsid "${java[@]}" -Xms256m -Xmx512m -XX:+UseSerialGC kafka.Kafka "$dir/server.properties" \
  >"$dir/broker.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$dir/pid"
await 180 "$pid" grep -q 'Kafka Server started' "$dir/broker.log" &&
  await 10 "$pid" answers "$port" ||
  fail "the broker did not start: see $dir/broker.log"
