#!/usr/bin/env bash
# Makes the virtual environment of the end-to-end tests from tests/e2e/requirements.txt, every
# wheel pinned by its hash, and prints its folder. Among them is the S3 server (see s3.sh).
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

pins=$project/tests/e2e/requirements.txt
has python3 || debian python3
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
3.[0-9] | 3.10) fail "python3 is $version; the tests need 3.11 or newer" ;;
esac

venv=$cache/venv-$version-$(fingerprint "$pins")
pinned_wheels "$venv" "$pins" "Python packages"
printf '%s\n' "$venv"
