#!/bin/sh
# restarts.sh: restarts three replicas under load, one after another, behind the proxies of docs/operations.md.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

need nginx nginx
need haproxy haproxy
exec scripts/with-postgres.sh cargo test --locked --workspace --test restarts
