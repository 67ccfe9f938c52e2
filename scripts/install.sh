#!/bin/sh
# install.sh: builds the program and installs it with its files below $PREFIX, which is /usr/local by default. $DESTDIR is
# put in front of it, as makers of packages need it.
set -eu
cd "$(dirname "$0")/.."
prefix=${PREFIX:-/usr/local}
case $prefix in /*) ;; *) echo "install: PREFIX must be an absolute path" >&2; exit 1 ;; esac
target=${CARGO_TARGET_DIR:-target}

cargo build --locked --release --package taskbridge-server
mkdir -p "${DESTDIR:-}$prefix"
scripts/stage.sh "$target/release/taskbridge" "${DESTDIR:-}$prefix"
echo "Installed $("$target/release/taskbridge" --version) in $prefix."
case ":$PATH:" in *":$prefix/bin:"*) ;; *) echo "$prefix/bin is not in your PATH." ;; esac
