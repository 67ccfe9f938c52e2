import createClient from 'openapi-fetch';
import type { components, paths } from '@/lib/schema';
import { getToken, SessionExpired } from '@/lib/token';

export type Task = components['schemas']['Task'];

/** What Taskbridge refused, in its own words; 5xx are told in ours. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Taskbridge, typed by its own description (`npm run api:types`). Every call carries the bearer token; one that is
 * refused with 401 is sent once more with a new one.
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

/** The data of an answer that is as it should be; everything else is thrown. */
export async function ok<Data>(call: Promise<{ data?: Data; error?: unknown; response: Response }>) {
  const { data, error, response } = await call;
  if (!response.ok) throw new ApiError(response.status, wordsOf(error));
  return { data: data as Data, headers: response.headers };
}

/** `detail` is a sentence, or on 422 one fault for each field. */
function wordsOf(body: unknown): string {
  const { detail } = (typeof body === 'object' && body ? body : {}) as Partial<
    components['schemas']['Error'] | components['schemas']['ValidationError']
  >;
  return typeof detail === 'string' ? detail : (detail?.map(({ msg }) => msg).join(', ') ?? 'Something went wrong.');
}

/** Whether nobody answered, or nobody who could: worth another try. */
export function isUnavailable(error: Error): boolean {
  return error instanceof ApiError ? error.status >= 500 || error.status === 429 : !(error instanceof SessionExpired);
}

/** For people. */
export function explain(error: Error): string {
  return isUnavailable(error) ? 'The server cannot be reached right now.' : error.message;
}
