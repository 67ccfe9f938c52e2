#!/bin/sh
# with-postgres.sh COMMAND...: runs COMMAND with an empty PostgreSQL and a pgbouncer in transaction mode in front of it.
# Both listen on free ports of 127.0.0.1, and stop when COMMAND ends. COMMAND finds them through these variables:
#   TASKBRIDGE_TEST_POSTGRES, TASKBRIDGE_TEST_PGBOUNCER   URLs, to be followed by `/` and the name of a database
#   TASKBRIDGE_TEST_POSTGRES_BIN                          the folder that contains initdb, postgres and psql
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh

need initdb postgresql
need pgbouncer pgbouncer
if [ "$(id -u)" = 0 ]; then need setpriv util-linux; fi

bin=$(dirname "$(readlink -f "$(command -v initdb)")")
scratch=$(mktemp -d "${TMPDIR:-/tmp}/taskbridge.XXXXXX")
readonly bin scratch

# Neither server starts as root.
user=
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id -u "$user" > /dev/null 2>&1 || user=nobody
    chown "$user" "$scratch"
fi

# Replaces the shell by a program, run by the user of the servers in the scratch folder.
serve() {
    cd "$scratch"
    if [ -n "$user" ]; then set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"; fi
    exec "$@"
}

# Cleans up when the pipe closes, which it does when this script ends, even if it is killed.
mkfifo "$scratch/pipe"
{
    trap '' HUP INT TERM
    cat "$scratch/pipe"
    cat "$scratch"/*.pid 2> /dev/null | while read -r pid; do kill "$pid" 2> /dev/null || true; done
    (serve "$bin/pg_ctl" stop --pgdata=data --mode=immediate > /dev/null 2>&1) || true
    rm -rf "$scratch"
} &
exec 3> "$scratch/pipe"

# Prints a port below the range from which the kernel takes those of clients.
any_port() { echo $((10000 + $(od -An -N2 -tu2 /dev/urandom) % 20000)); }

start_postgresql() {
    port=$(any_port)
    (serve "$bin/pg_ctl" start --silent --pgdata=data --log=postgresql.log \
        --options="-p $port -k . -c listen_addresses=127.0.0.1 -c max_connections=200" 2> /dev/null) 3>&-
}

start_pgbouncer() {
    pool_port=$(any_port)
    cat > "$scratch/pgbouncer.ini" <<END
[databases]
* = host=127.0.0.1 port=$port user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pool_port
unix_socket_dir =
pidfile = pgbouncer.pid
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_idle_timeout = 10
max_client_conn = 500
END
    serve pgbouncer pgbouncer.ini > "$scratch/pgbouncer.log" 2>&1 3>&- &
    for _ in $(seq 100); do
        if "$bin/pg_isready" --quiet --host=127.0.0.1 --port="$pool_port" --dbname=pgbouncer; then return 0; fi
        kill -0 $! 2> /dev/null || return 1
        sleep 0.1
    done
    return 1
}

give_up() {
    echo "with-postgres: $1 failed to start:" >&2
    cat "$scratch/$1.log" >&2
    exit 1
}

# Most databases sort and fold case by the rules of a language, so no test may rely on the collation C. PostgreSQL 14
# has only the locales of the system, of which C.UTF-8 always exists.
locale="--locale=C --locale-provider=icu --icu-locale=en"
"$bin/initdb" --help | grep -q -e --icu-locale || locale=--locale=C.UTF-8
# shellcheck disable=SC2086 # several options
(serve "$bin/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 $locale --no-sync > /dev/null)
# The random port may be in use.
start_postgresql || start_postgresql || start_postgresql || give_up postgresql
start_pgbouncer || start_pgbouncer || start_pgbouncer || give_up pgbouncer

export TASKBRIDGE_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port"
export TASKBRIDGE_TEST_PGBOUNCER="postgres://postgres@127.0.0.1:$pool_port"
export TASKBRIDGE_TEST_POSTGRES_BIN="$bin"
status=0
sh -c 'echo $$ > "$0" && exec "$@"' "$scratch/command.pid" "$@" 3>&- || status=$?
rm "$scratch/command.pid"
exec 3>&-
wait
exit "$status"
