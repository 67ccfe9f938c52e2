#!/bin/sh
# Holds the answers of the real server against its OpenAPI document: see tests/openapi/check.py, which runs in a
# virtual environment of its own below target/tools.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

venv="$tools/openapi"
need_venv "$venv" tests/openapi/requirements.txt --require-hashes

cargo build --locked --package taskbridge-server
exec "$venv/bin/python" tests/openapi/check.py "${CARGO_TARGET_DIR:-target}/debug/taskbridge"
