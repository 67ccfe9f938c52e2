# shellcheck shell=sh
# Finds the programs that the other scripts use, and installs those that are missing. To be sourced.
#
#   need PROGRAM PACKAGE          makes PROGRAM callable; PACKAGE is the Debian package that contains it
#   get PACKAGE                   the same for a package without programs: its files are below / or $tools/root
#   need_crate PROGRAM VERSION    the same for a program written in Rust, compiled into $tools/cargo
#   need_venv FOLDER FILE [OPTION...]
#                                 creates a Python environment with the packages in FILE; the options are pip's
#
# A Debian package is installed with `apt-get install` when the caller is root; the system's own policy decides whether
# its services start. For any other user it is unpacked into $tools, and the system stays as it is. Each of these says on
# standard error what it installs, and fails with the reason if it cannot. They change only the variables PATH,
# LD_LIBRARY_PATH, LIBRARY_PATH, CPLUS_INCLUDE_PATH, CXX and tools*.

tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"
case "$tools" in /*) ;; *) tools="$PWD/$tools" ;; esac

need() {
    look_everywhere
    if command -v "$1" > /dev/null; then return 0; fi
    get "$2" || { echo "tools: cannot find $1; install it and try again" >&2; return 1; }
    look_everywhere
    command -v "$1" > /dev/null || { echo "tools: package $2 does not contain $1" >&2; return 1; }
}

get() {
    if ! command -v apt-get > /dev/null; then
        false
    elif [ "$(id -u)" = 0 ]; then
        echo "tools: installing the Debian package $1" >&2
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" > /dev/null
    else
        echo "tools: unpacking the Debian package $1 into $tools" >&2
        unpack "$1"
    fi || { echo "tools: cannot install the package $1" >&2; return 1; }
}

# Compiles without optimisation, which takes some minutes, once.
need_crate() {
    export PATH="$tools/cargo/bin:$PATH"
    if grep -qs "^\"$1 $2 " "$tools/cargo/.crates.toml"; then return 0; fi
    echo "tools: compiling $1 $2 into $tools" >&2
    CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --locked --debug --root "$tools/cargo" "$1@$2" ||
        { echo "tools: cannot compile $1 $2" >&2; return 1; }
}

# Creates the environment again when the requirements have changed.
need_venv() (
    venv=$1 requirements=$2
    shift 2
    need python3 python3 || exit 1
    if cmp -s "$requirements" "$venv/requirements.txt"; then exit; fi
    echo "tools: installing the Python packages of $requirements into $venv" >&2
    rm -rf "$venv"
    python3 -m venv --without-pip "$venv" || exit 1
    if ! "$venv/bin/python" -m ensurepip > /dev/null 2>&1; then
        # Debian's Python comes without pip.
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
    # libpulse, which Chromium loads, and systemd-analyze expect libraries in folders of the system.
    for tools_entry in "$tools"/root/lib/*-linux-gnu* "$tools"/root/usr/lib/*-linux-gnu* \
        "$tools"/root/usr/lib/*-linux-gnu*/pulseaudio "$tools"/root/usr/lib/*-linux-gnu*/systemd; do
        case ":${LD_LIBRARY_PATH:-}:" in *":$tools_entry:"*) continue ;; esac
        if [ ! -d "$tools_entry" ]; then continue; fi
        export LD_LIBRARY_PATH="$tools_entry${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    done
    # An unpacked g++ is not called c++, and neither it nor the linker finds its headers and libraries.
    for tools_entry in "$tools"/root/usr/lib/gcc/*/*; do
        case ":${LIBRARY_PATH:-}:" in *":$tools_entry:"*) continue ;; esac
        if [ ! -d "$tools_entry" ]; then continue; fi
        export CXX="${CXX:-g++}"
        export LIBRARY_PATH="$tools_entry${LIBRARY_PATH:+:$LIBRARY_PATH}"
        export CPLUS_INCLUDE_PATH="${tools_entry#"$tools/root"}/include${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH}"
    done
}

# Puts the newest PostgreSQL first, before the wrappers in usr/bin.
look_below() {
    tools_found=
    for tools_entry in "$1/usr/bin" "$1/usr/sbin" "$1"/usr/lib/postgresql/*/bin; do
        case ":$PATH:" in *":$tools_entry:"*) continue ;; esac
        if [ -d "$tools_entry" ]; then tools_found=":$tools_entry$tools_found"; fi
    done
    export PATH="$PATH$tools_found"
}

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
