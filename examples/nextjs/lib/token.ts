import { authClient } from '@/lib/auth-client';

/** There is no session (any more): the user has to sign in. */
export class SessionExpired extends Error {
  constructor() {
    super('Your session has expired.');
  }
}

/** Kept in memory alone: no other tab, no script of another origin and no later user of the browser finds it. */
let current: { token: string; renewAt: number } | undefined;
let flight: Promise<string> | undefined;

/**
 * A token for Taskbridge, got with the session's cookie and renewed before it expires, whoever asks, in one flight.
 * `refused` is a token that is not to be had again.
 */
export function getToken(refused?: string): Promise<string> {
  if (current && current.token !== refused && Date.now() < current.renewAt) return Promise.resolve(current.token);
  if (flight) return flight;
  const mine = fetchToken().then(
    (next) => {
      // At sign-out it was forgotten before it came.
      if (flight === mine) [current, flight] = [next, undefined];
      return next.token;
    },
    (error) => {
      if (flight === mine) flight = undefined;
      throw error;
    },
  );
  flight = mine;
  return mine;
}

/** At sign-out. */
export function forgetToken() {
  current = flight = undefined;
}

async function fetchToken() {
  const asked = Date.now();
  const { data, error } = await authClient.token();
  if (error?.status === 401) throw new SessionExpired();
  if (!data) throw new TypeError('No token could be had.');
  const { iat, exp } = payload(data.token);
  // Counted from now: the clock of this device may be wrong, and life does not depend on it.
  const life = (exp - iat) * 1000;
  return { token: data.token, renewAt: asked + life - Math.min(life / 3, 60_000) };
}

/** Not verified, and good for nothing but knowing when to renew: Taskbridge verifies. */
function payload(token: string): { iat: number; exp: number } {
  const [, part = ''] = token.split('.');
  return JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/')));
}
