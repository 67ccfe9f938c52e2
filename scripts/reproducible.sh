#!/bin/sh
# reproducible.sh: builds the archive of a release twice, in folders of different names and with different umasks, and
# compares the two.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need_crate cargo-cyclonedx 0.5.9

folder=$(dirname "$tools")/reproducible
rm -rf "$folder"
for one in one another/and-deeper; do
    git clone --quiet . "$folder/$one"
    mkdir "$folder/$one/target"
    ln -s "$tools" "$folder/$one/target/tools"
    (umask "$([ $one = one ] && echo 022 || echo 077)" && CARGO_TARGET_DIR="$folder/$one/target" "$folder/$one/scripts/dist.sh")
done
cat "$folder"/one/target/dist/*.sha256
cmp "$folder"/one/target/dist/*.tar.gz "$folder"/another/and-deeper/target/dist/*.tar.gz
echo "Both archives are identical."
