// Runs apps with the package PACKAGE, a version of Better Auth, until standard input ends, and prints the URL of the process.
// Each request to it is an object in JSON:
//   POST /open    starts the app VARIANT of variants.mjs on DATABASE after it has brought the tables up to date, and answers
//                 with its URL and the changes
//   POST /verify  answers with the header and the claims of TOKEN, verified with the keys at JWKS
import { createRemoteJWKSet, jwtVerify } from "jose";
import { createServer } from "node:http";
import pg from "pg";
import { variants } from "./variants.mjs";

const { BETTER_AUTH_SECRET, BETTER_AUTH_URL, PACKAGE } = process.env;
const load = (path) => import(`${PACKAGE}/${path}`);
const { betterAuth } = await import(PACKAGE);
// The migrator has its own module since 1.5.
const { getMigrations } = await load("db/migration").catch(() => load("db"));
const { toNodeHandler } = await load("node");
const { bearer, jwt } = await load("plugins");

const actions = {
  async "/open"({ variant, database }) {
    const { options = {}, searchPath, connect = () => pool, migrate = migrateWithOwnMigrator } = variants[variant];
    const pool = new pg.Pool({
      connectionString: database,
      max: 3,
      options: searchPath && `-c search_path=${searchPath}`,
    });
    if (searchPath) await pool.query(`create schema if not exists "${searchPath}"`);
    const all = {
      baseURL: BETTER_AUTH_URL,
      secret: BETTER_AUTH_SECRET,
      database: await connect({ pool, database, load }),
      emailAndPassword: { enabled: true },
      ...options,
      rateLimit: { enabled: false, storage: "database", ...options.rateLimit },
      plugins: [jwt(options.jwt), bearer()],
    };
    const changes = await migrate({ options: all, pool });
    const auth = betterAuth(all);
    const { checkSchema } = await auth.$context;
    await checkSchema?.();
    return { url: await listen(createServer(toNodeHandler(auth))), changes };
  },

  async "/verify"({ token, jwks }) {
    const expected = { issuer: BETTER_AUTH_URL, audience: BETTER_AUTH_URL };
    const { protectedHeader, payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks)), expected);
    return { header: protectedHeader, claims: payload };
  },
};

async function migrateWithOwnMigrator({ options }) {
  const { toBeCreated, toBeAdded, runMigrations } = await getMigrations(options);
  await runMigrations();
  return [...toBeCreated, ...toBeAdded].map(({ table, fields }) => `${table}: ${Object.keys(fields).join(", ")}`);
}

async function listen(server) {
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return `http://127.0.0.1:${server.address().port}`;
}

const control = createServer(async (request, response) => {
  try {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end(JSON.stringify(await actions[request.url](JSON.parse(body))));
  } catch (error) {
    response.writeHead(500).end(error.stack);
  }
});
// Some packages print progress, which is not read.
process.stdout.on("error", () => {});
process.stdin.on("end", () => process.exit()).resume();
console.log(await listen(control));
