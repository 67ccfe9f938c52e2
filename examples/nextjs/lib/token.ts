import { authClient } from '@/lib/auth-client';

/** The session does not exist or has expired: the user has to sign in. */
export class SessionExpired extends Error {
  constructor() {
    super('Your session has expired.');
  }
}

/** Kept only in memory, where other tabs, scripts of other origins and later users of the browser cannot find it. */
let current: { token: string; renewAt: number } | undefined;
let flight: Promise<string> | undefined;

/**
 * Returns an access token for Taskbridge. It is fetched with the session cookie and renewed before it expires; concurrent
 * calls share one request. `refused` is a token that must not be returned again.
 */
export function getToken(refused?: string): Promise<string> {
  if (current && current.token !== refused && Date.now() < current.renewAt) return Promise.resolve(current.token);
  if (flight) return flight;
  const mine = fetchToken().then(
    (next) => {
      // If the user signed out meanwhile, the token is dropped.
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

/** Forgets the token. Call this at sign-out. */
export function forgetToken() {
  current = flight = undefined;
}

async function fetchToken() {
  const asked = Date.now();
  const { data, error } = await authClient.token();
  if (error?.status === 401) throw new SessionExpired();
  if (!data) throw new TypeError('The token could not be fetched.');
  const { iat, exp } = payload(data.token);
  // Relative to the current time, because the clock of this device may be wrong.
  const life = (exp - iat) * 1000;
  return { token: data.token, renewAt: asked + life - Math.min(life / 3, 60_000) };
}

/** Decodes the claims without verifying them. Used only to renew in time; Taskbridge verifies tokens. */
function payload(token: string): { iat: number; exp: number } {
  const [, part = ''] = token.split('.');
  return JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/')));
}
