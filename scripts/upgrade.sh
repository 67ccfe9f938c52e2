#!/bin/sh
# upgrade.sh [FILTER...]: builds the previous release, and tests a rolling upgrade from it to this version, and the way back.
# The release is built once, in target/upgrade.
set -eu
cd "$(dirname "$0")/.."

# The commit of the previous release: 0.1.
previous=a326de7bc4c065a100798913d90b1794bf2f8dc8

target="${CARGO_TARGET_DIR:-target}"
case "$target" in /*) ;; *) target="$PWD/$target" ;; esac
folder="$target/upgrade/$previous"

if [ ! -x "$folder/taskbridge" ]; then
    git cat-file -e "$previous^{commit}" 2> /dev/null || {
        echo "upgrade: this clone lacks the previous release, $previous; fetch it with: git fetch --unshallow" >&2
        exit 1
    }
    echo "upgrade: building the previous release in $folder"
    rm -rf "$folder"
    mkdir -p "$folder/source"
    git archive --output="$folder/source.tar" "$previous"
    tar -xf "$folder/source.tar" -C "$folder/source"
    CARGO_TARGET_DIR="$folder/build" CARGO_PROFILE_DEV_DEBUG=0 cargo build --quiet --locked \
        --manifest-path "$folder/source/Cargo.toml" --package taskbridge-server
    mv "$folder/build/debug/taskbridge" "$folder/taskbridge"
    rm -rf "$folder/build" "$folder/source" "$folder/source.tar"
fi

export TASKBRIDGE_TEST_PREVIOUS="$folder/taskbridge"
exec scripts/with-postgres.sh cargo test --locked --workspace --test rolling -- "$@"
