import { authClient } from '@/lib/auth-client';
import { forgetToken } from '@/lib/token';

/** Ends the session. The page is loaded anew, so that nothing of the user stays in memory. */
export async function signOut() {
  forgetToken();
  const { error } = await authClient.signOut();
  if (error) throw new Error(error.message);
  location.assign('/signin');
}

let leaving = false;

/** After a 401 in use. A session that is still there, but of no use, is ended: otherwise /signin would lead back. */
export async function leaveExpired() {
  if (leaving) return;
  leaving = true;
  forgetToken();
  await authClient.signOut().catch(() => undefined);
  location.replace('/signin?expired');
}
