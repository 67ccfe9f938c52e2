#!/bin/sh
# fastapi.sh [FILTER...]: imports the tasks of FastAPI and SQLModel apps. The packages of these apps are installed first.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

npm ci --prefix tests/better-auth --silent
venv="$tools/fastapi"
need_venv "$venv" tests/fastapi/requirements.txt --require-hashes

export TASKBRIDGE_TEST_PYTHON="$venv/bin/python"
exec scripts/with-postgres.sh cargo test --locked --workspace --test fastapi -- "$@"
