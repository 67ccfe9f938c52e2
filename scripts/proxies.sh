#!/bin/sh
# proxies.sh: tests the configurations of nginx, HAProxy and Caddy in deploy/, also while three replicas restart under load.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

need curl curl
need nginx nginx
need haproxy haproxy
need caddy caddy
exec scripts/with-postgres.sh cargo test --locked --workspace --test proxies
