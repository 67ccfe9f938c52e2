# shellcheck shell=sh
# Sourced. `need PROGRAM PACKAGE` makes sure that PROGRAM can be called: it is there already, or comes from the
# system's package PACKAGE. As root that is installed, without starting its services; as anybody else it is unpacked
# into target/tools, and found there the next time. `get PACKAGE` does the same for a package without programs: its files
# are then below / or $tools/root. `need_crate PROGRAM VERSION` does the same for a program of cargo's, and
# `need_venv FOLDER REQUIREMENTS [OPTION...]` makes a virtual environment of Python with these packages; the options are
# pip's. PATH, LD_LIBRARY_PATH, LIBRARY_PATH and CPLUS_INCLUDE_PATH are extended and CXX is set as needed. Fail, saying why,
# when there is no way. The only variables they set are those five and tools*.

tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"
case "$tools" in /*) ;; *) tools="$PWD/$tools" ;; esac

need() {
    look_everywhere
    if command -v "$1" > /dev/null; then return 0; fi
    get "$2" || { echo "tools: $1 is missing; install it and try again" >&2; return 1; }
    look_everywhere
    command -v "$1" > /dev/null || { echo "tools: package $2 has no $1" >&2; return 1; }
}

get() {
    if ! command -v apt-get > /dev/null; then
        false
    elif [ "$(id -u)" = 0 ]; then
        install_quietly "$1"
    else
        unpack "$1"
    fi || { echo "tools: package $1 cannot be had" >&2; return 1; }
}

# Compiled without optimisation, which takes a minute, and kept.
need_crate() {
    export PATH="$tools/cargo/bin:$PATH"
    if [ "$("$1" --version 2> /dev/null)" = "$1 $2" ]; then return 0; fi
    echo "tools: building $1 $2" >&2
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$tools/cargo" "$1@$2" ||
        { echo "tools: crate $1 $2 cannot be had" >&2; return 1; }
}

# Made anew when the requirements change.
need_venv() (
    venv=$1 requirements=$2
    shift 2
    need python3 python3 || exit 1
    if cmp -s "$requirements" "$venv/requirements.txt"; then exit; fi
    rm -rf "$venv"
    python3 -m venv --without-pip "$venv" || exit 1
    if ! "$venv/bin/python" -m ensurepip > /dev/null 2>&1; then
        # Debian's Python brings no pip along; it is in a package.
        get python3-pip-whl || exit 1
        wheel=$(find /usr/share/python-wheels "$tools/root" -name 'pip-*.whl' 2> /dev/null | head -n 1)
        "$venv/bin/python" "$wheel/pip" install --quiet --no-index "$wheel" || exit 1
    fi
    "$venv/bin/python" -m pip install --quiet "$@" --requirement "$requirements" &&
        cp "$requirements" "$venv/requirements.txt"
)

look_everywhere() {
    look_below ""
    if [ "$(id -u)" = 0 ] || [ ! -d "$tools/root" ]; then return 0; fi
    look_below "$tools/root"
    # libpulse, which Chromium takes, looks for a part of itself in the system's own folder.
    for tools_entry in "$tools"/root/lib/*-linux-gnu* "$tools"/root/usr/lib/*-linux-gnu* \
        "$tools"/root/usr/lib/*-linux-gnu*/pulseaudio; do
        case ":${LD_LIBRARY_PATH:-}:" in *":$tools_entry:"*) continue ;; esac
        if [ ! -d "$tools_entry" ]; then continue; fi
        export LD_LIBRARY_PATH="$tools_entry${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    done
    # An unpacked g++ is not called c++, does not know the headers of the installed gcc, nor the linker its library.
    for tools_entry in "$tools"/root/usr/lib/gcc/*/*; do
        case ":${LIBRARY_PATH:-}:" in *":$tools_entry:"*) continue ;; esac
        if [ ! -d "$tools_entry" ]; then continue; fi
        export CXX="${CXX:-g++}"
        export LIBRARY_PATH="$tools_entry${LIBRARY_PATH:+:$LIBRARY_PATH}"
        export CPLUS_INCLUDE_PATH="${tools_entry#"$tools/root"}/include${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH}"
    done
}

# The newest PostgreSQL comes first, and before the wrappers in usr/bin.
look_below() {
    tools_found=
    for tools_entry in "$1/usr/bin" "$1/usr/sbin" "$1"/usr/lib/postgresql/*/bin; do
        case ":$PATH:" in *":$tools_entry:"*) continue ;; esac
        if [ -d "$tools_entry" ]; then tools_found=":$tools_entry$tools_found"; fi
    done
    export PATH="$PATH$tools_found"
}

install_quietly() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"
    fi
    apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" > /dev/null
)

unpack() (
    package="$1"
    mkdir -p "$tools/lists/partial" "$tools/cache/archives/partial"
    set -- -qq -y -o "Dir::State::Lists=$tools/lists" -o "Dir::Cache=$tools/cache" -o Debug::NoLocking=true
    apt-get "$@" update &&
        apt-get "$@" --no-install-recommends --download-only install "$package" > /dev/null || exit 1
    for archive in "$tools"/cache/archives/*.deb; do
        dpkg -x "$archive" "$tools/root" && rm "$archive" || exit 1
    done
)
