#!/bin/sh
# drills.sh [FILTER...]: runs the commands of docs/operations.md while the real binary serves: backups under load and their
# restore, changes of secrets, keys and passwords, and the alerts. What they need is installed first.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

need sqlite3 sqlite3
need openssl openssl
need promtool prometheus
venv="$tools/litestream"
need_venv "$venv" tests/operations/requirements.txt --require-hashes
export PATH="$PATH:$venv/bin"
exec scripts/with-postgres.sh cargo test --locked --workspace --test operations -- "$@"
