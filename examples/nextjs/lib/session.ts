import 'server-only';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { authServer } from '@/lib/auth-server';

type Session = { user: { id: string; name: string; email: string } };

/** Whoever sends this request; asked once for each request. A page cannot renew the cookie. */
const getSession = cache(async (): Promise<Session | null> => {
  const asked = await headers();
  if (authServer === 'taskbridge') return askTaskbridge(asked);
  const { auth } = await import('@/lib/auth');
  return auth.api.getSession({ headers: asked, query: { disableRefresh: true } });
});

/** With the client's address: each is counted for itself. Whoever cannot be told is led nowhere, but to app/error.tsx. */
async function askTaskbridge(asked: Headers): Promise<Session | null> {
  const passedOn = new Headers();
  for (const name of ['cookie', 'x-forwarded-for']) {
    const value = asked.get(name);
    if (value !== null) passedOn.set(name, value);
  }
  const answer = await fetch(new URL('/api/auth/get-session?disableRefresh=true', process.env.TASKBRIDGE_URL), {
    headers: passedOn,
    cache: 'no-store',
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`Taskbridge answers ${answer.status} when asked for the session.`);
  return answer.json();
}

/** For pages that want a user: leads everybody else to sign in. */
export async function requireUser() {
  const session = await getSession();
  return session ? session.user : redirect('/signin');
}

/** For pages that are for nobody yet: leads users to their tasks. */
export async function requireGuest() {
  if (await getSession()) redirect('/dashboard');
}
