import { authClient } from '@/lib/auth-client';
import { forgetToken } from '@/lib/token';

let leaving = false;

/** Ends the session, and reloads the page so that no data of the user stays in memory. */
export async function signOut() {
  leaving = true;
  forgetToken();
  const { error } = await authClient.signOut().catch((error: Error) => ({ error }));
  leaving = !error;
  if (error) throw new Error('The session could not be ended.');
  location.assign('/signin');
}

/** Leaves after a 401. Ends a session that is unusable; otherwise /signin would redirect back. */
export async function leaveExpired() {
  if (leaving) return;
  leaving = true;
  forgetToken();
  await authClient.signOut().catch(() => undefined);
  location.replace('/signin?expired');
}
