#!/bin/sh
# The Next.js app with a Taskbridge behind it, in a real browser: checks, a production build, and with that all of its
# tests in both ways, first with the users of the app, then with those of Taskbridge. The pictures are in target/e2e
# afterwards.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need chromium chromium

CHROMIUM=$(command -v chromium)
# The wrapper looks for the program in the system's own folder.
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
