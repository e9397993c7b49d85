#!/usr/bin/env bash
# s3-stop.sh DIR: stops the S3 server that s3-start.sh started on DIR. Its objects
# stay; it takes its leave slowly, so after three seconds it is ended.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"
[ $# -eq 1 ] || fail "usage: s3-stop.sh DIR"
stop "$1" 3
