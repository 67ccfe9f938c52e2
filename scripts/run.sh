#!/bin/sh
# Builds and starts the server. Generates a secret the first time, and prints the examples of the README.
set -eu
cd "$(dirname "$0")/.."

if [ ! -e .env ]; then
    (umask 077 && printf 'BETTER_AUTH_SECRET=%s\n' "$(head -c 32 /dev/urandom | base64)" > .env)
    echo "Created .env with a random BETTER_AUTH_SECRET."
fi

cargo build --locked --package taskbridge-server

echo
echo "When the server says that it is ready, try it in another terminal:"
echo
scripts/walkthrough.sh "${PORT:-8000}" | sed 's/^/    /'
echo
exec cargo run --quiet --locked --package taskbridge-server -- serve
