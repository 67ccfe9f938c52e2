import 'server-only';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { betterAuth } from 'better-auth';
import { jwt } from 'better-auth/plugins';
import { SqliteDialect } from 'kysely';
import Database from 'libsql';

/** Opens the database at the first query, so that `next build` does not need it. */
async function openDatabase() {
  const file = process.env.AUTH_DATABASE ?? 'data/auth.db';
  mkdirSync(dirname(file), { recursive: true });
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  return database;
}

/** Better Auth. It reads BETTER_AUTH_URL and BETTER_AUTH_SECRET from the environment itself. */
export const auth = betterAuth({
  database: { dialect: new SqliteDialect({ database: openDatabase }), type: 'sqlite', transaction: true },
  emailAndPassword: { enabled: true },
  // Sign-ins are counted by client address: the last one in X-Forwarded-For that is not a proxy.
  advanced: { ipAddress: { trustedProxies: process.env.TRUSTED_PROXIES?.match(/[^\s,]+/g) ?? [] } },
  // Signs access tokens with EdDSA. Taskbridge verifies them with the public keys at /api/auth/jwks.
  plugins: [jwt({ jwt: { expirationTime: process.env.JWT_LIFE ?? '15m' } })],
});
