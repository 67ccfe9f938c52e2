#!/bin/sh
# containers.sh: builds the images of deploy/Dockerfile and examples/nextjs/Dockerfile, and checks that they run as
# docs/deploy.md and deploy/compose.yaml say. Needs root.
#
# A test does not reach the registries of the base images, so images with the same contents are built of Debian
# packages. The toolchain, the crates and Node are those of this machine. The program is compiled without link-time
# optimization unless RELEASE=1 asks for that of a release, which takes much longer.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need podman podman
need runc runc
need mmdebstrap mmdebstrap
need nsenter util-linux
need curl curl
need jq jq

scratch=$(mktemp -d "${TMPDIR:-/tmp}/taskbridge.XXXXXX")
# What later calls of this script use again: the packages of Debian, and the caches of the Dockerfiles, which podman keeps
# in $TMPDIR.
cache=${tools%/tools}/containers
mkdir -p "$cache"
export TMPDIR="$cache"
# The driver `vfs` and the runtime `runc` also work in a container. Without the limits, podman would raise them, which
# requires a capability. The log would contain an error because systemd, which calls health checks, does not run.
podman="podman --log-level fatal --root $scratch/root --runroot $scratch/run --tmpdir $scratch/tmp --storage-driver vfs
    --runtime runc --cgroup-manager cgroupfs"
run="$podman run --ulimit nofile=16384:16384 --ulimit nproc=1024:1024 --read-only --read-only-tmpfs=false --cap-drop=all
    --security-opt=no-new-privileges"
cleanup() {
    $podman rm --all --force --time 0 > /dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail() { echo "containers: $1" >&2; exit 1; }

# Imports an archive as an image. The options change its settings.
import() {
    archive=$1 image=$2
    shift 2
    $podman import --quiet "$@" "$archive" "localhost/$image" > /dev/null
}

# What rust:*-bookworm and node:*-bookworm-slim have, except for the toolchain and Node, which are mounted.
build_images() {
    archive=$cache/debian.tar
    if [ ! -e "$archive" ]; then
        mmdebstrap --quiet --format=tar --variant=minbase --include=gcc,libc6-dev,make bookworm "$archive.part"
        mv "$archive.part" "$archive"
    fi
    path=/usr/sbin:/usr/bin:/sbin:/bin
    set -- --change ENV=CARGO_HOME=/cargo --change ENV=CARGO_NET_OFFLINE=true --change "ENV=PATH=/rust/bin:$path"
    if [ -z "${RELEASE:-}" ]; then
        set -- "$@" --change ENV=CARGO_PROFILE_RELEASE_LTO=off --change ENV=CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
            --change ENV=CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    fi
    import "$archive" rust "$@"
    import "$archive" node --change "ENV=PATH=/node/bin:$path" \
        --change ENV=NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt

    mkdir -p "$scratch/node/bin" "$scratch/node/lib"
    cp "$(readlink -f "$(command -v node)")" "$scratch/node/bin/node"
    cp -R "$(npm root --global)/npm" "$scratch/node/lib/npm"
    ln -s ../lib/npm/bin/npm-cli.js "$scratch/node/bin/npm"
}

# What gcr.io/distroless/cc-debian12:nonroot has: the files of these packages, two users, and no shell.
runtime_image() {
    mkdir -p "$scratch/packages" "$scratch/runtime/etc/ssl/certs"
    (
        cd "$scratch/packages"
        apt-get --option APT::Sandbox::User=root download -qq base-files ca-certificates gcc-12-base libc6 libgcc-s1 \
            libgomp1 libssl3 libstdc++6 netbase tzdata
        for package in *.deb; do dpkg -x "$package" ../runtime; done
        cd ../runtime
        cat usr/share/ca-certificates/mozilla/*.crt > etc/ssl/certs/ca-certificates.crt
        printf '%s:/sbin/nologin\n' root:x:0:0:root:/root nonroot:x:65532:65532:nonroot:/home/nonroot > etc/passwd
        printf '%s:\n' root:x:0 nonroot:x:65532 > etc/group
    )
    tar -C "$scratch/runtime" -cf "$scratch/runtime.tar" .
    import "$scratch/runtime.tar" runtime --change USER=65532 \
        --change ENV=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

# build IMAGE OPTION... CONTEXT
build() {
    image=$1
    shift
    $podman build --quiet --layers=false --isolation chroot --format docker --tag "localhost/$image" "$@" > /dev/null
    $podman image inspect "localhost/$image" --format '{{index .RepoTags 0}}: {{.Size}} bytes, user {{.User}}'
}

# healthy CONTAINER COMMAND...: waits until the command, which checks this container, succeeds.
healthy() {
    container=$1
    shift
    begin=$(date +%s)
    until "$@"; do
        [ "$(date +%s)" -lt $((begin + 30)) ] || { $podman logs "$container" >&2; fail "$container does not become healthy"; }
        sleep 0.2
    done
    process=$($podman inspect --format '{{.State.Pid}}' "$container")
    grep -q "^CapEff:.0*$" "/proc/$process/status" || fail "$container has capabilities"
    if grep -q "^Uid:.0" "/proc/$process/status"; then fail "$container runs as root"; fi
}

# Starts Taskbridge with the command in docs/deploy.md, and with the data of earlier containers.
start() {
    command=$(sed -n '/^docker run/,/[^\\]$/p' docs/deploy.md | sed 's/^docker run/$run --network none/; s/--publish [^ ]*//')
    eval "$command" > /dev/null
    # shellcheck disable=SC2086 # several options
    healthy taskbridge $podman healthcheck run taskbridge
}

# Stops it as Docker does: with SIGTERM, and after 10 seconds with SIGKILL.
stop() {
    begin=$(date +%s)
    $podman stop --time 10 taskbridge > /dev/null
    echo "stopped within $(($(date +%s) - begin)) s, of 10"
    [ "$($podman inspect --format '{{.State.ExitCode}}' taskbridge)" = 0 ] || fail "the container was killed"
    $podman rm taskbridge > /dev/null
}

# Starts the app in the network of Taskbridge, and checks it with the command in compose.yaml.
start_app() {
    check=$(sed -n 's/^ *test: \(\["CMD", "node",.*\)/\1/p' deploy/compose.yaml | jq --raw-output '.[3]')
    $run --detach --name app --network container:taskbridge --tmpfs /tmp --tmpfs /app/.next/cache:mode=1777 \
        --volume "$scratch/node:/node:ro" --env AUTH_SERVER=taskbridge --env TASKBRIDGE_URL=http://127.0.0.1:8000 \
        localhost/app > /dev/null
    # shellcheck disable=SC2086 # several options
    healthy app $podman exec app node -e "$check" 2> "$scratch/app.log"
}

# Sends a request from the network of the containers, in which nothing else runs.
request() {
    nsenter --net --target "$process" curl --fail-with-body --silent --show-error \
        --header "Content-Type: application/json" --header "Authorization: Bearer ${token:-}" "$@"
}

# signed_in PATH ORIGIN: signs up or in at this origin.
signed_in() {
    token=
    session=$(request "$2/api/auth/$1/email" --data \
        '{"name": "Ann", "email": "ann@example.com", "password": "correct horse battery"}')
    user=$(echo "$session" | jq --raw-output .user.id)
    token=$(echo "$session" | jq --raw-output .token)
    token=$(request "$2/api/auth/token" | jq --raw-output .token)
}

# A server that only other processes of its container can reach does not accept this address.
api=http://127.0.0.2:8000
commit=$(git rev-parse --short=12 HEAD)
BETTER_AUTH_SECRET=$(head -c 32 /dev/urandom | base64)
export BETTER_AUTH_SECRET
build_images
runtime_image

cargo fetch --locked
build taskbridge --file deploy/Dockerfile --build-arg BUILD_IMAGE=localhost/rust --build-arg RUNTIME_IMAGE=localhost/runtime \
    --build-arg TASKBRIDGE_COMMIT="$commit" --volume "$(rustc --print sysroot):/rust:ro" \
    --volume "${CARGO_HOME:-$HOME/.cargo}:/cargo:ro" .
[ "$($run --rm --network none localhost/taskbridge --version | grep -o '(.*)')" = "($commit)" ] || fail "the version has another commit"
if $run --rm --network none localhost/taskbridge health; then fail "a server that does not run is healthy"; fi
start
signed_in sign-up $api
request "$api/api/$user/tasks" --data '{"title": "kept"}' > /dev/null
stop
start
signed_in sign-in $api
[ "$(request "$api/api/$user/tasks" | jq --raw-output '.[].title')" = kept ] || fail "the task is lost"

build app --build-arg NODE_IMAGE=localhost/node --volume "$scratch/node:/node:ro" --volume /etc/ssl/certs:/etc/ssl/certs:ro \
    examples/nextjs
start_app
signed_in sign-in http://127.0.0.1:3000
[ "$(request "$api/api/$user/tasks" | jq --raw-output '.[].title')" = kept ] || fail "the app signs another user in"
$podman rm --force --time 0 app > /dev/null
stop
echo "1 passed, 0 failed"
