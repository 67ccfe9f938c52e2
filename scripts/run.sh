#!/bin/sh
# Builds the server, makes a secret the first time, shows the walk-through of the README, and serves.
set -eu
cd "$(dirname "$0")/.."

if [ ! -e .env ]; then
    (umask 077 && printf 'BETTER_AUTH_SECRET=%s\n' "$(head -c 32 /dev/urandom | base64)" > .env)
    echo "Made .env with a random BETTER_AUTH_SECRET."
fi

cargo build --locked --package taskbridge-server

echo
echo "When the server below says ready, try it in another terminal:"
echo
scripts/walkthrough.sh "${PORT:-8000}" | sed 's/^/    /'
echo
exec cargo run --quiet --locked --package taskbridge-server -- serve
