#!/bin/sh
# Prints the commands of the README's walk-through, for a server on port $1.
set -eu
awk '/^## Try it/ { on = 1; next } /^## / { on = 0 } on && /^```sh/ { block = 1; next } /^```/ { if (block) print ""; block = 0 } on && block' \
    "$(dirname "$0")/../README.md" | sed "s/localhost:8000/localhost:$1/"
