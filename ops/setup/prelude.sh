# shellcheck shell=bash
# Sourced by every set-up script: where downloads live, how to speak, how to ask Debian.
# Everything that is not part of the repository goes to one cache folder, which may be deleted
# at any time. Messages go to standard error; standard output is for what a script answers.
set -euo pipefail

setup=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$setup/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/huiliu
mkdir -p "$cache"

# A second clone reuses what the first one compiled.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}

say() { printf '==> %s\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# installed PACKAGE: whether Debian's package is there.
installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# as_root COMMAND...: runs it as root, by sudo where we are not.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    has sudo || fail "run this as root first: $*"
    sudo "$@"
  fi
}

apt_update() { as_root apt-get update -qq >&2; }

# debian PACKAGE...: installs the packages that are missing; silent when none is.
debian() {
  has apt-get || fail "this is not Debian: install by hand what these packages hold: $*"
  local missing=() package
  for package in "$@"; do installed "$package" || missing+=("$package"); done
  [ "${#missing[@]}" -eq 0 ] && return
  say "Debian packages: ${missing[*]}"
  apt_update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends "${missing[@]}" >&2
}

# unpacked PACKAGE FOLDER: unpacks Debian's package into the folder, without installing it.
unpacked() (
  has apt-get || fail "no apt-get to fetch Debian's package $1 with"
  say "Debian's $1"
  incoming=$(mktemp -d "$cache/$1.XXXXXX")
  trap 'rm -rf "$incoming"' EXIT
  apt-cache show "$1" >/dev/null 2>&1 || apt_update
  (cd "$incoming" && apt-get download -qq "$1" >&2) ||
    { apt_update && (cd "$incoming" && apt-get download -qq "$1" >&2); }
  dpkg-deb --extract "$incoming/$1"_*.deb "$incoming/files"
  chmod 755 "$incoming/files"
  rm -rf "$2"
  mv "$incoming/files" "$2"
)

# fingerprint FILE...: a short name that changes with the files' contents.
fingerprint() { cat "$@" | sha256sum | cut -c1-12; }

# pinned_wheels FOLDER PINS WHAT: makes a virtual environment of the packages that the file PINS
# names with their hashes. Two at once would remove each other's half-made one: they take turns.
pinned_wheels() {
  exec 9>"$1.lock"
  flock 9
  [ -f "$1/complete" ] && return
  has python3 || debian python3
  python3 -c 'import ensurepip' 2>/dev/null || debian python3-venv
  say "$3"
  rm -rf "$1"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: -r "$2" >&2
  touch "$1/complete"
}

# pinned_jars NAME [--pin]: prints the folder of the jars that NAME/pom.xml names and that Maven
# fetches from its central repository, each of them held against NAME/SHA256SUMS. After a change
# of the pom, `--pin` writes the sums anew instead; review the difference.
pinned_jars() (
  local sums=$setup/$1/SHA256SUMS incoming extra jars
  if ! has java; then debian openjdk-17-jre-headless; fi
  incoming=$(mktemp -d "$cache/$1.XXXXXX")
  trap 'rm -rf "$incoming" "$incoming.log"' EXIT
  if [ "${2:-}" = --pin ]; then
    fetch_jars "$1" "$incoming"
    (cd "$incoming" && LC_ALL=C sha256sum -- *.jar) >"$sums"
    return
  fi
  jars=$cache/$1-$(fingerprint "$sums")
  if [ ! -d "$jars" ]; then
    fetch_jars "$1" "$incoming"
    (cd "$incoming" && sha256sum --check --strict --quiet "$sums") >&2 ||
      fail "a jar is not the one that $1/SHA256SUMS names"
    # One order of names wherever this runs.
    extra=$(cd "$incoming" && export LC_ALL=C && printf '%s\n' * | comm -23 - <(cut -c67- "$sums"))
    [ -z "$extra" ] || fail "jars that $1/SHA256SUMS does not name: $extra"
    chmod 755 "$incoming"
    mv "$incoming" "$jars" 2>/dev/null || [ -d "$jars" ] || fail "cannot write $jars"
  fi
  printf '%s\n' "$jars"
)

fetch_jars() {
  has mvn || debian maven
  say "jars of $1"
  mvn --quiet --batch-mode -f "$setup/$1/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$2" >"$2.log" 2>&1 ||
    { cat "$2.log" >&2 && fail "Maven could not fetch the jars of $1"; }
}

# await SECONDS PID COMMAND...: runs the command until it succeeds; fails when the time is over
# or the process has gone.
await() {
  local deadline=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || return 1
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# answers PORT: whether something listens on the loopback address.
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# stop DIR SECONDS: ends the service whose process id stands in DIR/pid, by force after a time.
stop() {
  [ -f "$1/pid" ] || return 0
  local pid deadline=$((SECONDS + $2))
  pid=$(cat "$1/pid")
  kill "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then kill -9 "$pid" 2>/dev/null || true; fi
    sleep 0.1
  done
  rm -f "$1/pid"
}

# link_binary: makes the binary reachable under the path that the documentation names.
link_binary() {
  [ "$CARGO_TARGET_DIR" = "$project/target" ] && return
  mkdir -p "$project/target/release"
  ln -sfn "$CARGO_TARGET_DIR/release/huiliu" "$project/target/release/huiliu"
}
