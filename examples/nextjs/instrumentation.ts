import { authServer } from '@/lib/auth-server';

/** Runs once when the server starts: reports missing settings, and creates Better Auth's tables the first time. */
export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  if (authServer !== 'app' && authServer !== 'taskbridge') throw new Error('AUTH_SERVER must be app or taskbridge.');
  const needed = ['TASKBRIDGE_URL', ...(authServer === 'app' ? ['BETTER_AUTH_URL', 'BETTER_AUTH_SECRET'] : [])];
  const missing = needed.filter((name) => !process.env[name]);
  if (missing.length > 0) throw new Error(`Set ${missing.join(', ')} in .env.local, as in .env.example.`);

  const { addClientAddresses } = await import('@/lib/client-address');
  addClientAddresses();
  if (authServer === 'taskbridge') return;
  const [{ auth }, { getMigrations }] = await Promise.all([import('@/lib/auth'), import('better-auth/db/migration')]);
  await (await getMigrations(auth.options)).runMigrations();
}
