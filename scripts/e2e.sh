#!/bin/sh
# Lints and builds the Next.js example, then runs its tests in Chromium with Taskbridge behind it: first with the app as
# the auth server, then with Taskbridge. Leaves screenshots of every page in target/e2e.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need chromium chromium

CHROMIUM=$(command -v chromium)
# The unpacked wrapper would look for the program in /usr/lib.
case "$CHROMIUM" in "$tools"/*) CHROMIUM=$tools/root/usr/lib/chromium/chromium ;; esac
target=$(dirname "$tools")
export CHROMIUM TASKBRIDGE="$target/debug/taskbridge" SCREENSHOTS="$target/e2e" NEXT_TELEMETRY_DISABLED=1

cargo build --locked --package taskbridge-server
cd examples/nextjs
npm ci --loglevel=error
npm run --silent lint
npm run --silent typecheck
npm run --silent build
npm run --silent e2e
