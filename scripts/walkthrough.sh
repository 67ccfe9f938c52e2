#!/bin/sh
# walkthrough.sh PORT: prints the commands in the section "Try it" of the README, for a server on PORT.
set -eu
awk '/^## Try it/ { on = 1; next } /^## / { on = 0 } on && /^```sh/ { block = 1; next } /^```/ { if (block) print ""; block = 0 } on && block' \
    "$(dirname "$0")/../README.md" | sed "s/localhost:8000/localhost:$1/"
