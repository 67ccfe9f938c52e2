#!/bin/sh
# Compares the answers of a running server with its OpenAPI document: see tests/openapi/check.py.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

venv="$tools/openapi"
need_venv "$venv" tests/openapi/requirements.txt --require-hashes

cargo build --locked --package taskbridge-server
exec "$venv/bin/python" tests/openapi/check.py "${CARGO_TARGET_DIR:-target}/debug/taskbridge"
