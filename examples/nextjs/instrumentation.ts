/** Runs once, when the server starts: says what is missing, and makes Better Auth's tables the first time. */
export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const missing = ['BETTER_AUTH_URL', 'BETTER_AUTH_SECRET', 'TASKBRIDGE_URL'].filter((name) => !process.env[name]);
  if (missing.length > 0) throw new Error(`Set ${missing.join(', ')} in .env.local, as in .env.example.`);

  const [{ auth }, { getMigrations }] = await Promise.all([import('@/lib/auth'), import('better-auth/db/migration')]);
  await (await getMigrations(auth.options)).runMigrations();
}
