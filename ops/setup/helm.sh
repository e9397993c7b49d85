#!/usr/bin/env bash
# Prints the path of helm, built by Go from the pinned module where it is not installed: four
# CPU minutes, which is why ./check does not ask for it.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

if has helm; then
  command -v helm
  exit
fi
version=v3.19.0
tools=$cache/helm-$version
if [ ! -x "$tools/helm" ]; then
  has go || fail "no go: install Go to build helm with, or install helm"
  say "helm (this takes some minutes)"
  GOBIN=$tools GOTOOLCHAIN=local go install "helm.sh/helm/v3/cmd/helm@$version" >&2
fi
printf '%s\n' "$tools/helm"
