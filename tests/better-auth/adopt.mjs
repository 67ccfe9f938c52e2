// Starts a real Better Auth on the database of DATABASE_URL and prints, as JSON, what its own schema check would change
// and what it makes of COOKIE.
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { bearer, jwt } from "better-auth/plugins";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
const options = {
  database: pool,
  baseURL: process.env.BETTER_AUTH_URL,
  secret: process.env.BETTER_AUTH_SECRET,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: true, storage: "database" },
  plugins: [jwt(), bearer()],
};
const { toBeCreated, toBeAdded } = await getMigrations(options);
const auth = betterAuth(options);
const response = await auth.handler(
  new Request(`${process.env.BETTER_AUTH_URL}/api/auth/get-session`, { headers: { cookie: process.env.COOKIE } }),
);
console.log(JSON.stringify({ toBeCreated, toBeAdded, status: response.status, session: await response.json() }));
await pool.end();
process.exit(0);
