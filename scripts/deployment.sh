#!/bin/sh
# deployment.sh: checks the systemd unit and compose.yaml in deploy/, and traces the program that the unit starts.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

need systemd-analyze systemd
need strace strace
need docker-compose docker-compose
if [ -d "$tools/root" ]; then
    export PYTHONPATH="$tools/root/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}"
fi
exec scripts/with-postgres.sh cargo test --locked --workspace --test deployment
