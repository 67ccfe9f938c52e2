# shellcheck shell=sh
# Sourced. `need PROGRAM PACKAGE` makes sure that PROGRAM can be called: it is there already, or comes from the
# system's package PACKAGE. As root that is installed; as anybody else it is unpacked into target/tools, which goes on
# PATH. Fails, saying why, when there is no way.

need() {
    if command -v "$1" > /dev/null; then return 0; fi
    if ! command -v apt-get > /dev/null; then
        echo "tools: $1 is missing; install it and try again" >&2
        return 1
    fi
    if [ "$(id -u)" = 0 ]; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" > /dev/null
    else
        unpack "$2"
    fi || { echo "tools: package $2 cannot be had" >&2; return 1; }
    command -v "$1" > /dev/null || { echo "tools: package $2 has no $1" >&2; return 1; }
}

unpack() {
    tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"
    mkdir -p "$tools/lists/partial" "$tools/cache/archives/partial"
    set -- "$1" -qq -y -o "Dir::State::Lists=$tools/lists" -o "Dir::Cache=$tools/cache" -o Debug::NoLocking=true
    package="$1"
    shift
    apt-get "$@" update &&
        apt-get "$@" --no-install-recommends --download-only install "$package" > /dev/null || return 1
    for archive in "$tools"/cache/archives/*.deb; do dpkg -x "$archive" "$tools/root" || return 1; done
    export PATH="$tools/root/usr/bin:$PATH"
    export LD_LIBRARY_PATH="$tools/root/usr/lib/$(uname -m)-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
}
