#!/bin/sh
# dist.sh: builds the archive of a release from the current commit, in target/dist. The same commit and toolchain give the
# same archive in whatever folder they build it, which `make reproducible` checks.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need python3 python3
need objdump binutils
need_crate cargo-cyclonedx 0.5.9

dist=$(dirname "$tools")/dist
version=$(cargo pkgid --package taskbridge-server | sed 's/.*[#@]//')
name=taskbridge-$version-$(rustc --print host-tuple)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
TASKBRIDGE_COMMIT=$(git rev-parse --short=12 HEAD)
export SOURCE_DATE_EPOCH TASKBRIDGE_COMMIT LC_ALL=C TZ=UTC

# Changes that are not committed are not built, because the program shows the commit.
rm -rf "${dist:?}/source" "$dist"/taskbridge-*
mkdir -p "$dist/source" "$dist/$name"
git archive HEAD | tar --extract --directory "$dist/source"
cd "$dist/source"

# The program contains no folder of this computer.
cargo fetch --locked --quiet
home=${CARGO_HOME:-$HOME/.cargo}
RUSTFLAGS="--remap-path-prefix=$dist=dist"
for crates in "$home"/registry/src/*; do RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$crates=crates"; done
CFLAGS="-ffile-prefix-map=$home=crates -ffile-prefix-map=$dist=dist"
export RUSTFLAGS CFLAGS CARGO_TARGET_DIR="$dist/build"
cargo build --locked --release --package taskbridge-server

program=$dist/build/release/taskbridge
documents=$dist/$name/share/doc/taskbridge
scripts/stage.sh "$program" "$dist/$name"
python3 scripts/dependencies.py licences > "$documents/LICENSES-OF-DEPENDENCIES"
cargo cyclonedx --quiet --manifest-path crates/server/Cargo.toml --format json --spec-version 1.5 --describe binaries
python3 scripts/dependencies.py sbom crates/server/taskbridge_bin.cdx.json > "$documents/sbom.cdx.json"

cd "$dist/$name"
find . -type f ! -name SHA256SUMS > "$dist/source/files"
sort -o "$dist/source/files" "$dist/source/files"
xargs sha256sum < "$dist/source/files" > share/doc/taskbridge/SHA256SUMS
cd "$dist"
tar --create --file "$name.tar" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX "$name"
gzip --best --no-name "$name.tar"
sha256sum "$name.tar.gz" > "$name.tar.gz.sha256"

glibc=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | cut -d _ -f 2)
ls -l "$program" "$name.tar.gz" | awk '{ printf "%8.1f MB  %s\n", $5 / 1e6, $NF }'
echo "The program needs glibc $glibc or newer."
