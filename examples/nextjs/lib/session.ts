import 'server-only';
import { headers } from 'next/headers';
import { redirect } from 'next/navigation';
import { cache } from 'react';
import { auth } from '@/lib/auth';

/** Whoever sends this request; asked of the database once for each request. A page cannot renew the cookie. */
const getSession = cache(async () =>
  auth.api.getSession({ headers: await headers(), query: { disableRefresh: true } }),
);

/** For pages that want a user: leads everybody else to sign in. */
export async function requireUser() {
  const session = await getSession();
  return session ? session.user : redirect('/signin');
}

/** For pages that are for nobody yet: leads users to their tasks. */
export async function requireGuest() {
  if (await getSession()) redirect('/dashboard');
}
