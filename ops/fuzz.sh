#!/bin/sh
# Fuzzes every decoder, SECONDS each, from the small corpus in fuzz/corpus:
#   ops/fuzz.sh SECONDS [TARGET...]
#
# What is found is written to fuzz/artifacts; what is new goes to fuzz/grown, which is not kept in
# the repository. It needs cargo-fuzz (`cargo install cargo-fuzz`) and a C++ compiler; the stable
# toolchain serves, told to take the flags of the instrumentation.
set -eu

seconds=${1:?usage: ops/fuzz.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- huiliu_json debezium_json json confluent_avro debezium_avro avro_schema
cd "$(dirname "$0")/../fuzz"
export RUSTC_BOOTSTRAP=1

for target in "$@"; do
    mkdir -p "grown/$target" "artifacts/$target"
    # No address sanitizer: the workspace forbids unsafe code. Records of one megabyte and more
    # are refused by their length.
    cargo fuzz run --fuzz-dir . --sanitizer none "$target" "grown/$target" "corpus/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -dict=json.dict -print_final_stats=1
done
