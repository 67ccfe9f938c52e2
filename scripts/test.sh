#!/bin/sh
# test.sh [browser]: runs everything that must pass before a change is submitted, and prints how long each step took.
# `browser` skips the tests of examples/nextjs in a browser. What is missing is installed first: see scripts/tools.sh.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

without=${1:-}
times=
begin=$(date +%s)

step() {
    name=$1
    shift
    echo "== $name"
    start=$(date +%s)
    "$@"
    times="$times$(printf '%6d s  %s' $(($(date +%s) - start)) "$name")
"
}

report() {
    status=$?
    printf '\n%s%6d s  in total\n' "$times" $(($(date +%s) - begin))
    if [ "$status" != 0 ]; then echo "FAILED: $name"; fi
}
trap report EXIT

install() {
    need python3 python3
    need g++ g++
    need curl curl
    need initdb postgresql
    need pgbouncer pgbouncer
    need nginx nginx
    need haproxy haproxy
    need sqlite3 sqlite3
    need openssl openssl
    need caddy caddy
    if [ "$without" != browser ]; then need chromium chromium; fi
    need_crate cargo-deny 0.20.2
    npm ci --prefix tests/better-auth --silent
}

format() {
    cargo fmt --all --check
    cargo fmt --manifest-path bench/Cargo.toml --all --check
}

documentation() {
    RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps
}

# tests/api/storage/mod.rs says which tests these are.
storage() {
    TASKBRIDGE_TEST_DATABASE=$1 scripts/with-postgres.sh \
        cargo test --locked --workspace --test api -- storage::
}

# `make drills` also runs those that need promtool or Litestream.
drills() {
    scripts/with-postgres.sh cargo test --locked --workspace --test operations -- --skip promtool --skip litestream
}

step "tools" install
step "format" format
step "lints" cargo clippy --locked --workspace --all-targets -- --deny warnings
step "documentation" documentation
step "licences" scripts/deny.sh check --allow duplicate licenses bans sources
step "benchmark harness" python3 -B -m unittest discover --quiet --start-directory bench/tests
step "tests" scripts/with-postgres.sh cargo test --locked --workspace
step "storage tests on PostgreSQL" storage postgres
step "storage tests through pgbouncer" storage pgbouncer
step "apps of other releases" scripts/matrix.sh page rows::chain rows::newest rows::drizzle_uuid
step "apps with FastAPI and SQLModel" scripts/fastapi.sh page server_mode no_import
step "proxies" scripts/proxies.sh
step "drills of docs/operations.md" drills
step "systemd unit and compose.yaml" scripts/deployment.sh
step "OpenAPI document" scripts/openapi.sh
if [ "$without" = browser ]; then
    echo "== skipped, as asked: examples/nextjs in a browser"
else
    step "browser" scripts/e2e.sh
fi
step "fuzzing" scripts/fuzz.sh 10
