#!/bin/sh
# Holds the answers of the real server against its OpenAPI document: see tests/openapi/check.py, which runs in a
# virtual environment of its own below target/tools.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

need python3 python3
venv="$tools/openapi"
if ! cmp -s tests/openapi/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv --without-pip "$venv"
    if ! "$venv/bin/python" -m ensurepip > /dev/null 2>&1; then
        # Debian's Python brings no pip along; it is in a package.
        get python3-pip-whl
        wheel=$(find /usr/share/python-wheels "$tools/root" -name 'pip-*.whl' 2> /dev/null | head -n 1)
        "$venv/bin/python" "$wheel/pip" install --quiet --no-index "$wheel"
    fi
    "$venv/bin/python" -m pip install --quiet --require-hashes --requirement tests/openapi/requirements.txt
    cp tests/openapi/requirements.txt "$venv/"
fi

cargo build --locked --package taskbridge-server
exec "$venv/bin/python" tests/openapi/check.py "${CARGO_TARGET_DIR:-target}/debug/taskbridge"
