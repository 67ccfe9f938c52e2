#!/bin/sh
# deny.sh ARGUMENT...: runs cargo-deny on everything in Cargo.lock.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need_crate cargo-deny 0.20.2
exec cargo-deny --locked "$@"
