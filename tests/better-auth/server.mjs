// Runs a Better Auth on the database DATABASE_URL and a free port. Creates the missing tables, checks the schema, and prints
// its address and the created tables as JSON. BETTER_AUTH_URL is its public URL, as behind a proxy. ALG is the algorithm of
// its keys, and PASSWORDS a module with password functions. RATE_LIMIT=on enables rate limits, VERIFY=on requires verified
// email addresses, and RESTRICT=on enables the plugins that restrict users. COOKIE_PREFIX is the prefix of cookie names, and
// SECURE_COOKIES=on or off sets useSecureCookies.
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { admin, bearer, jwt, twoFactor } from "better-auth/plugins";
import { createServer } from "node:http";
import { database } from "./database.mjs";

const { ALG, COOKIE_PREFIX, PASSWORDS, RATE_LIMIT, RESTRICT, SECURE_COOKIES, VERIFY } = process.env;
const { password } = PASSWORDS ? await import(PASSWORDS) : {};
const options = {
  database,
  emailAndPassword: { enabled: true, password, requireEmailVerification: VERIFY === "on" },
  advanced: { cookiePrefix: COOKIE_PREFIX, useSecureCookies: SECURE_COOKIES && SECURE_COOKIES === "on" },
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
