#!/bin/sh
# matrix.sh [FILTER...]: moves the users of real apps to Taskbridge and back: apps with several releases of better-auth,
# each with its own migrator, and with Drizzle and Prisma. The packages are installed first. BETTER_AUTH_VERSION, such as
# `latest`, is the version of better-auth to try instead of the newest one in tests/matrix/package.json.
set -eu
cd "$(dirname "$0")/.."

npm ci --prefix tests/better-auth --silent
npm ci --prefix tests/matrix --silent
case "$*" in "" | *prisma*) npm ci --prefix tests/matrix/prisma --silent ;; esac
if [ -n "${BETTER_AUTH_VERSION:-}" ]; then
    npm install --prefix tests/matrix --silent --no-save "better-auth-tried@npm:better-auth@$BETTER_AUTH_VERSION"
    echo "matrix: trying better-auth $(node -p 'require("./tests/matrix/node_modules/better-auth-tried/package.json").version')"
    export TASKBRIDGE_TEST_BETTER_AUTH=better-auth-tried
fi
exec scripts/with-postgres.sh cargo test --locked --workspace --test matrix -- "$@"
