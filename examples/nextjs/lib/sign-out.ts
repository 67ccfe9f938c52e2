import { authClient } from '@/lib/auth-client';
import { forgetToken } from '@/lib/token';

let leaving = false;

/** Ends the session. The page is loaded anew, so that nothing of the user stays in memory. */
export async function signOut() {
  leaving = true;
  forgetToken();
  const { error } = await authClient.signOut().catch((error: Error) => ({ error }));
  leaving = !error;
  if (error) throw new Error('The session could not be ended.');
  location.assign('/signin');
}

/** After a 401 in use. A session that is there, but of no use, is ended: otherwise /signin would lead back. */
export async function leaveExpired() {
  if (leaving) return;
  leaving = true;
  forgetToken();
  await authClient.signOut().catch(() => undefined);
  location.replace('/signin?expired');
}
