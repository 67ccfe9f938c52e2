#!/bin/sh
# fuzz.sh SECONDS: builds the fuzz targets with coverage and runs each for SECONDS. The next run continues from the
# inputs that this one has found, in target/fuzz. An input that fails ends the run and is stored as a seed, which
# `cargo test` replays.
#
# The flags are those of `cargo fuzz --sanitizer none`. Sanitizers require a nightly compiler, and would find little in
# code without `unsafe`.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need g++ g++

# `make test` lints without the feature libfuzzer, so warnings in these targets are errors here.
flags="-Dwarnings -Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$flag"
done

# With --target, the flags do not apply to build scripts.
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
    # Tests run in the folder of their package, tests/fuzz.
    fuzz --test "fuzz_$target" -- -max_total_time="$1" -max_len=8192 -timeout=10 -print_funcs=0 -dict=dictionary \
        -artifact_prefix="seeds/$target/" "$corpus" "seeds/$target" > "$log" 2>&1 || {
        tail -n 50 "$log" >&2
        exit 1
    }
    grep -E 'INITED|DONE' "$log"
done
