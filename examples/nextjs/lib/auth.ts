import 'server-only';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { betterAuth } from 'better-auth';
import { jwt } from 'better-auth/plugins';
import { SqliteDialect } from 'kysely';
import Database from 'libsql';

/** Opened with the first query, so that `next build` needs no database. */
async function openDatabase() {
  const file = process.env.AUTH_DATABASE ?? 'data/auth.db';
  mkdirSync(dirname(file), { recursive: true });
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  return database;
}

/** Signs users in. BETTER_AUTH_URL and BETTER_AUTH_SECRET are read from the environment by Better Auth itself. */
export const auth = betterAuth({
  database: { dialect: new SqliteDialect({ database: openDatabase }), type: 'sqlite', transaction: true },
  emailAndPassword: { enabled: true },
  // Sign-ins are counted by the client's address: the last in X-Forwarded-For that is no proxy's.
  advanced: { ipAddress: { trustedProxies: process.env.TRUSTED_PROXIES?.match(/[^\s,]+/g) ?? [] } },
  // Tokens for Taskbridge: signed with EdDSA, verified there with the public keys at /api/auth/jwks.
  plugins: [jwt({ jwt: { expirationTime: process.env.JWT_LIFE ?? '15m' } })],
});
