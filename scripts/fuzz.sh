#!/bin/sh
# fuzz.sh SECONDS: builds the fuzz targets with coverage and runs each for that long. What they have reached is kept
# below target/fuzz, and is where the next run starts. An input that breaks a rule ends the run and becomes a seed,
# which the tests replay from then on.
#
# The flags are those of `cargo fuzz --sanitizer none`, and stable. A sanitizer, which takes a nightly compiler, would
# have little to find: no code of ours is unsafe.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need g++ g++

flags="-Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$flag"
done

# With --target the flags are for our programs only, and not for build scripts.
fuzz() {
    RUSTFLAGS="$flags" cargo test --quiet --locked --package taskbridge-fuzz --features libfuzzer --profile fuzz \
        --target "$(rustc --print host-tuple)" --target-dir target/fuzz "$@"
}

echo "building the fuzz targets"
fuzz --test 'fuzz_*' --no-run
for target in token path body; do
    corpus="$PWD/target/fuzz/corpus/$target"
    log="$PWD/target/fuzz/$target.log"
    mkdir -p "$corpus"
    echo "fuzzing $target for $1 s"
    # Programs of tests run in the folder of their package.
    fuzz --test "fuzz_$target" -- -max_total_time="$1" -max_len=8192 -timeout=10 -print_funcs=0 -dict=dictionary \
        -artifact_prefix="seeds/$target/" "$corpus" "seeds/$target" > "$log" 2>&1 || {
        tail -n 50 "$log" >&2
        exit 1
    }
    grep -E 'INITED|DONE' "$log"
done
