#!/bin/sh
# Starts Taskbridge and the Next.js example in front of it, both with SQLite files in data/demo, until Ctrl-C. The app
# signs users in; with AUTH_SERVER=taskbridge, Taskbridge does. APP_PORT and API_PORT default to 3000 and 8000.
set -eu
cd "$(dirname "$0")/.."
. scripts/tools.sh
need curl curl

export AUTH_SERVER="${AUTH_SERVER:-app}"
case $AUTH_SERVER in
    app | taskbridge) ;;
    *) echo "demo: AUTH_SERVER must be app or taskbridge" >&2; exit 1 ;;
esac
app_port=${APP_PORT:-3000}
api_port=${API_PORT:-8000}
program=${CARGO_TARGET_DIR:-$PWD/target}/debug/taskbridge
data=$PWD/data/demo
mkdir -p "$data"
if [ ! -e "$data/secret" ]; then
    (umask 077 && head -c 32 /dev/urandom | base64 > "$data/secret")
fi
secret=$(cat "$data/secret")
export BETTER_AUTH_URL="http://localhost:$app_port" TASKBRIDGE_URL="http://127.0.0.1:$api_port" NEXT_TELEMETRY_DISABLED=1

cargo build --locked --package taskbridge-server
cd examples/nextjs
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then npm ci --loglevel=error; fi
BETTER_AUTH_SECRET=$secret npm run --silent build

# The folder has no .env, which could configure the other mode.
(
    cd "$data"
    export HOST=127.0.0.1 PORT="$api_port" AUTH_MODE=bridge DATABASE_URL="sqlite://$data/tasks.db"
    if [ "$AUTH_SERVER" = taskbridge ]; then
        export AUTH_MODE=server DATABASE_URL="sqlite://$data/taskbridge.db" BETTER_AUTH_SECRET="$secret"
        export TRUSTED_PROXIES=127.0.0.1
    fi
    exec "$program" serve > taskbridge.log 2>&1
) &
api=$!
if [ "$AUTH_SERVER" = app ]; then export BETTER_AUTH_SECRET="$secret" AUTH_DATABASE="$data/auth.db"; fi
node node_modules/next/dist/bin/next start --hostname localhost --port "$app_port" > "$data/app.log" 2>&1 &
app=$!
trap 'kill $api $app 2> /dev/null || true; wait' EXIT
trap 'exit 0' INT TERM

run() { kill -0 $api 2> /dev/null && kill -0 $app 2> /dev/null; }
answer() { curl -sf -o /dev/null "$TASKBRIDGE_URL/health/ready" && curl -sf -o /dev/null "$BETTER_AUTH_URL/signin"; }
while run && ! answer; do sleep 0.2; done
if run; then
    printf '\nReady: %s\nSign up there; the logs are in %s.\n' "$BETTER_AUTH_URL" "$data"
fi
while run; do sleep 1; done
echo "demo: the app or Taskbridge has stopped:" >&2
tail -n 5 "$data/taskbridge.log" "$data/app.log" >&2
exit 1
