// A real Better Auth on the database of DATABASE_URL, at an address of its own. When it has made the tables that are
// missing, and its check of the schema has passed, it prints as JSON where it is and what it made. Its URL is that of
// BETTER_AUTH_URL, as for an app behind a proxy. ALG is the algorithm of its keys; PASSWORDS a module with functions
// for passwords; with RATE_LIMIT=on it counts requests; with VERIFY=on addresses must be verified. With RESTRICT=on it has
// the plugins that restrict users.
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { admin, bearer, jwt, twoFactor } from "better-auth/plugins";
import { createServer } from "node:http";
import { database } from "./database.mjs";

const { ALG, PASSWORDS, RATE_LIMIT, RESTRICT, VERIFY } = process.env;
const { password } = PASSWORDS ? await import(PASSWORDS) : {};
const options = {
  database,
  emailAndPassword: { enabled: true, password, requireEmailVerification: VERIFY === "on" },
  user: { deleteUser: { enabled: true } },
  rateLimit: { enabled: RATE_LIMIT === "on", storage: "database" },
  plugins: [jwt({ jwks: { keyPairConfig: { alg: ALG ?? "EdDSA" } } }), bearer(), ...(RESTRICT === "on" ? [admin(), twoFactor()] : [])],
};
const { toBeCreated, toBeAdded, runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);
const { checkSchema } = await auth.$context;
await checkSchema();

const server = createServer(toNodeHandler(auth));
server.listen(0, "127.0.0.1", () => {
  const made = [...toBeCreated, ...toBeAdded].map(({ table }) => table);
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, made }));
});
