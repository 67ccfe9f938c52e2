#!/bin/sh
# Builds Taskbridge and what it is compared to, as released, into target/bench: programs in bin, one folder for each peer
# on Node or Python. What has not changed is not built again.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
target=${CARGO_TARGET_DIR:-$PWD/target}
built=$target/bench
mkdir -p "$built/bin"

# As shipped: without symbols.
need strip binutils
program() { rm -f "$built/bin/$2" && strip -o "$built/bin/$2" "$1/release/$2"; }

cargo build --locked --release --package taskbridge-server
program "$target" taskbridge
cargo build --locked --release --manifest-path bench/Cargo.toml --target-dir "$built/cargo"
program "$built/cargo" load
program "$built/cargo" limits

for peer in fastify better-auth; do
    mkdir -p "$built/$peer"
    cp bench/peers/$peer/package.json bench/peers/$peer/.npmrc bench/peers/$peer/server.js "$built/$peer/"
    if ! cmp -s bench/peers/$peer/package-lock.json "$built/$peer/package-lock.json"; then
        cp bench/peers/$peer/package-lock.json "$built/$peer/"
        npm ci --prefix "$built/$peer" --silent || { rm "$built/$peer/package-lock.json"; exit 1; }
    fi
done

need_venv "$built/fastapi" bench/peers/fastapi/requirements.txt
