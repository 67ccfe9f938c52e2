import 'server-only';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { authServer } from '@/lib/auth-server';

type Session = { user: { id: string; name: string; email: string } };

/** Returns the session of this request, and reads it once for each request. A page cannot renew the cookie. */
const getSession = cache(async (): Promise<Session | null> => {
  const asked = await headers();
  if (authServer === 'taskbridge') return askTaskbridge(asked);
  const { auth } = await import('@/lib/auth');
  return auth.api.getSession({ headers: asked, query: { disableRefresh: true } });
});

/** Sends the client's address, by which Taskbridge counts requests. If the session cannot be read, app/error.tsx is shown. */
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
  if (!answer.ok) throw new Error(`Taskbridge answered ${answer.status} to the request for the session.`);
  return answer.json();
}

/** Returns the user, or redirects to the sign-in page. */
export async function requireUser() {
  const session = await getSession();
  return session ? session.user : redirect('/signin');
}

/** Redirects signed-in users to their tasks. */
export async function requireGuest() {
  if (await getSession()) redirect('/dashboard');
}
