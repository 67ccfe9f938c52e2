import createClient from 'openapi-fetch';
import type { components, paths } from '@/lib/schema';
import { getToken, SessionExpired } from '@/lib/token';

export type Task = components['schemas']['Task'];

/** An error answer of Taskbridge, with its message. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * The client of Taskbridge, with types from its OpenAPI document (`npm run api:types`). Every call carries the access
 * token. A call that is answered 401 is repeated once with a new token.
 */
export const api = createClient<paths>({
  fetch: async (request) => {
    const again = request.clone();
    const token = await getToken();
    const response = await send(request, token);
    if (response.status !== 401) return response;
    const retried = await send(again, await getToken(token));
    if (retried.status === 401) throw new SessionExpired();
    return retried;
  },
});

function send(request: Request, token: string) {
  request.headers.set('Authorization', `Bearer ${token}`);
  return fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(15_000)]) });
}

/** Returns the data of a successful answer, and throws an `ApiError` for any other. */
export async function ok<Data>(call: Promise<{ data?: Data; error?: unknown; response: Response }>) {
  const { data, error, response } = await call;
  if (!response.ok) throw new ApiError(response.status, wordsOf(error));
  return { data: data as Data, headers: response.headers };
}

/** Returns the error message: `detail` is a sentence, or on 422 an array with one error for each invalid field. */
function wordsOf(body: unknown): string {
  const { detail } = (typeof body === 'object' && body ? body : {}) as Partial<
    components['schemas']['Error'] | components['schemas']['ValidationError']
  >;
  return typeof detail === 'string' ? detail : (detail?.map(({ msg }) => msg).join(', ') ?? 'Something went wrong.');
}

/** Returns `true` if the server was unreachable or busy, so that a retry can succeed. */
export function isUnavailable(error: Error): boolean {
  return error instanceof ApiError ? error.status >= 500 || error.status === 429 : !(error instanceof SessionExpired);
}

/** Returns the message to display. */
export function explain(error: Error): string {
  return isUnavailable(error) ? 'The server cannot be reached right now.' : error.message;
}
