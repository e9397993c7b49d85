#!/usr/bin/env bash
# Makes sure that `cargo build` can work: the compilers and the libraries that librdkafka, the
# only large part in C, is built with.
. "$(dirname "${BASH_SOURCE[0]}")/prelude.sh"

has cargo || fail "no cargo: install a Rust toolchain first (rustup, or your distribution's)"

has cc || debian gcc libc6-dev
has c++ || debian g++
has make || debian make
has pkg-config || debian pkg-config
pkg-config --exists openssl zlib || debian libssl-dev zlib1g-dev
