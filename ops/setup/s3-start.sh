#!/usr/bin/env bash
# s3-start.sh DIR PORT: starts an S3 server that keeps its objects in DIR, makes the bucket
# `lake`, and returns when it answers. It also takes the seven ports after PORT. Loopback only.
# Key and secret are the ones below; requests without a valid signature are refused.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

[ $# -eq 2 ] || fail "usage: s3-start.sh DIR PORT"
mkdir -p "$1/data"
dir=$(cd "$1" && pwd)
port=$2
weed=$("$setup/s3.sh")

cat >"$dir/identities.json" <<'EOF'
{"identities": [{
  "name": "huiliu",
  "credentials": [{"accessKey": "huiliu-test-key", "secretKey": "huiliu-test-secret"}],
  "actions": ["Admin", "Read", "List", "Tagging", "Write"]
}]}
EOF

setsid "$weed" -logtostderr server -dir="$dir/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
  -master.port=$((port + 1)) -master.port.grpc=$((port + 2)) \
  -volume.port=$((port + 3)) -volume.port.grpc=$((port + 4)) -volume.max=64 \
  -master.volumeSizeLimitMB=256 -volume.preStopSeconds=0 \
  -filer -filer.port=$((port + 5)) -filer.port.grpc=$((port + 6)) \
  -s3 -s3.port="$port" -s3.port.grpc=$((port + 7)) -s3.config="$dir/identities.json" \
  -s3.autoCreateBucket=false -s3.port.iceberg=0 -s3.port.lance=0 \
  >"$dir/s3.log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$dir/pid"

shell() {
  "$weed" shell -master=127.0.0.1:$((port + 1)).$((port + 2)) \
    -filer=127.0.0.1:$((port + 5)).$((port + 6))
}
# Fails until a listing shows the bucket.
bucket() {
  echo 's3.bucket.list' | shell | grep -qw lake && return
  echo 's3.bucket.create -name lake' | shell
  return 1
}
await 60 "$pid" answers "$port" && await 60 "$pid" bucket ||
  fail "the S3 server did not start: see $dir/s3.log"
