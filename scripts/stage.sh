#!/bin/sh
# stage.sh PROGRAM FOLDER: puts the program and its files into FOLDER, in the places that they have below a prefix such as
# /usr/local.
set -eu
cd "$(dirname "$0")/.."
program=$1 folder=$2

# put MODE FILE PLACE
put() { install -D -m "$1" "$2" "$folder/$3"; }

# complete SHELL PLACE
complete() {
    script=$("$program" completions "$1")
    printf "%s\n" "$script" | put 644 /dev/stdin "$2"
}

put 755 "$program" bin/taskbridge
complete bash share/bash-completion/completions/taskbridge
complete zsh share/zsh/site-functions/_taskbridge
complete fish share/fish/vendor_completions.d/taskbridge.fish
# In the same folders as in the repository, because they link to each other. Not the folder with the secrets of deploy/compose.yaml.
for file in README.md CHANGELOG.md SECURITY.md LICENSE-* config/default.toml deploy/* docs/*.md; do
    if [ -f "$file" ]; then put 644 "$file" "share/doc/taskbridge/$file"; fi
done
