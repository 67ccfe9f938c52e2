// Better Auth under node:http, as in its manual: e-mail and password, the JWT plugin.
import cluster from 'node:cluster'
import http from 'node:http'
import pg from 'pg'
import { betterAuth } from 'better-auth'
import { toNodeHandler } from 'better-auth/node'
import { bearer, jwt } from 'better-auth/plugins'
import { getMigrations } from 'better-auth/db/migration'

const { PORT, WORKERS, DATABASE_URL, BETTER_AUTH_URL, BETTER_AUTH_SECRET } = process.env
const options = {
  baseURL: BETTER_AUTH_URL,
  secret: BETTER_AUTH_SECRET,
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 5 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
  plugins: [jwt(), bearer()],
}

if (cluster.isPrimary) {
  const { runMigrations } = await getMigrations(options)
  await runMigrations()
  await options.database.end()
  for (let worker = 0; worker < Number(WORKERS); worker++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill()
    process.exit(0)
  })
} else {
  const handler = toNodeHandler(betterAuth(options))
  http
    .createServer((request, response) => (request.url === '/health' ? response.end('ok') : handler(request, response)))
    .listen(Number(PORT), '127.0.0.1', 2048)
}
