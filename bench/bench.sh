#!/bin/sh
# Builds everything, and measures: see README.md. Arguments are passed to run.py.
set -eu
cd "$(dirname "$0")/.."
bench/build.sh
. scripts/tools.sh
need initdb postgresql
need pgbouncer pgbouncer
need python3 python3
exec python3 -B bench/run.py --built "${CARGO_TARGET_DIR:-$PWD/target}/bench" "$@"
