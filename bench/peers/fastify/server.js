// The tasks API on Fastify, pg and jose: HS256, or EdDSA with the keys at JWKS_URL.
import cluster from 'node:cluster'
import bcrypt from 'bcrypt'
import Fastify from 'fastify'
import { SignJWT, createRemoteJWKSet, jwtVerify } from 'jose'
import pg from 'pg'

const { PORT, WORKERS, DATABASE_URL, BETTER_AUTH_SECRET, JWKS_URL } = process.env

const columns = 'id, user_id, title, description, completed, created_at, updated_at'
const statements = {
  list: `SELECT ${columns} FROM tasks WHERE user_id = $1 ORDER BY created_at DESC, id DESC`,
  get: `SELECT ${columns} FROM tasks WHERE user_id = $1 AND id = $2`,
  create: `INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at)
    VALUES ($1, $2, $3, false, now(), now()) RETURNING ${columns}`,
  complete: `UPDATE tasks SET completed = NOT completed, updated_at = now()
    WHERE user_id = $1 AND id = $2 RETURNING ${columns}`,
  user: 'SELECT id, email, password_hash FROM auth_users WHERE email = $1',
}

const date = { type: 'string', format: 'date-time' }
const description = { type: ['string', 'null'], maxLength: 1000 }
const task = {
  type: 'object',
  properties: {
    id: { type: 'integer' }, user_id: { type: 'string' }, title: { type: 'string' },
    description, completed: { type: 'boolean' }, created_at: date, updated_at: date,
  },
}
const newTask = {
  type: 'object',
  required: ['title'],
  properties: { title: { type: 'string', minLength: 1, maxLength: 200 }, description },
}

async function serve() {
  pg.types.setTypeParser(pg.types.builtins.INT8, Number)
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 5 })
  const rows = async (name, values) => (await pool.query({ name, text: statements[name], values })).rows

  const secret = new TextEncoder().encode(BETTER_AUTH_SECRET)
  const keys = JWKS_URL ? createRemoteJWKSet(new URL(JWKS_URL)) : secret
  const algorithms = [JWKS_URL ? 'EdDSA' : 'HS256']
  const onRequest = async (request, reply) => {
    const header = request.headers.authorization ?? ''
    let subject
    try {
      subject = (await jwtVerify(header.replace(/^Bearer /, ''), keys, { algorithms })).payload.sub
    } catch {
      return reply.code(401).send({ detail: 'Invalid or expired token' })
    }
    if (subject !== request.params.user) return reply.code(403).send({ detail: 'Access denied' })
  }

  const app = Fastify({ logger: false })
  const one = { onRequest, schema: { response: { '2xx': task } } }
  const list = { onRequest, schema: { response: { 200: { type: 'array', items: task } } } }
  const create = { onRequest, schema: { body: newTask, response: { '2xx': task } } }
  const first = (reply, found, status = 200) =>
    found.length ? reply.code(status).send(found[0]) : reply.code(404).send({ detail: 'Task not found' })

  app.get('/health', async () => ({ status: 'ok' }))
  app.get('/api/:user/tasks', list, ({ params }) => rows('list', [params.user]))
  app.post('/api/:user/tasks', create, async ({ params, body }, reply) =>
    first(reply, await rows('create', [params.user, body.title, body.description ?? null]), 201))
  app.get('/api/:user/tasks/:id', one, async ({ params }, reply) =>
    first(reply, await rows('get', [params.user, params.id])))
  app.patch('/api/:user/tasks/:id/complete', one, async ({ params }, reply) =>
    first(reply, await rows('complete', [params.user, params.id])))
  app.post('/api/auth/sign-in/email', async ({ body }, reply) => {
    const [user] = await rows('user', [body.email])
    if (!user || !(await bcrypt.compare(body.password, user.password_hash))) {
      return reply.code(401).send({ detail: 'Invalid email or password' })
    }
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' }).setSubject(user.id).setExpirationTime('7d').sign(secret)
    return { token, user: { id: user.id, email: user.email } }
  })
  await app.listen({ host: '127.0.0.1', port: Number(PORT), backlog: 2048 })
}

if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(WORKERS); worker++) cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.kill()
    process.exit(0)
  })
} else {
  await serve()
}
