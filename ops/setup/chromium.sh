#!/usr/bin/env bash
# Prints the path of a headless Chromium, with which the status page is looked at: Debian's
# chromium-headless-shell (about 90 MB to fetch, half a minute), kept current by Debian, and a font
# with Chinese characters.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

for name in chromium-headless-shell chromium chromium-browser google-chrome; do
  has "$name" && command -v "$name" && exit
done
debian chromium-headless-shell fonts-wqy-zenhei >&2
command -v chromium-headless-shell
