// Runs a Better Auth with a database in memory on a free port, and prints its URL. It signs tokens with the algorithm ALG.
// POST /retire-keys lets its keys expire, so that it signs the next token with a new one.
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";
import { createServer } from "node:http";

const tables = { user: [], session: [], account: [], verification: [], jwks: [] };
let handle;
const server = createServer((request, response) => {
  if (request.url === "/retire-keys") {
    for (const key of tables.jwks) key.expiresAt = new Date(Date.now() - 1000);
    response.end();
  } else {
    handle(request, response);
  }
});
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const auth = betterAuth({
    database: memoryAdapter(tables),
    baseURL: url,
    secret: process.env.BETTER_AUTH_SECRET,
    emailAndPassword: { enabled: true },
    user: { deleteUser: { enabled: true } },
    plugins: [jwt({ jwks: { keyPairConfig: { alg: process.env.ALG } } }), bearer()],
  });
  handle = toNodeHandler(auth);
  console.log(url);
});
