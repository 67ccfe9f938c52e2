import type { NextRequest } from 'next/server';

/** Headers that are forwarded. The session cookie is not: Taskbridge does not need it. */
const passedOn = ['accept', 'authorization', 'content-type', 'x-forwarded-for', 'x-request-id'];
const ofOneConnection = ['connection', 'content-encoding', 'content-length', 'keep-alive', 'transfer-encoding'];

/**
 * Forwards a request to Taskbridge, so that browsers see one origin and need no CORS. Taskbridge verifies the token of
 * every request. `rewrites` in next.config.ts could do the same, but would forward the cookie, and `next build` would fix
 * the address.
 */
async function forward(request: NextRequest) {
  const { pathname, search } = request.nextUrl;
  const headers = new Headers();
  for (const name of passedOn) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  try {
    const answer = await fetch(new URL(pathname + search, process.env.TASKBRIDGE_URL), {
      method: request.method,
      headers,
      body: request.body,
      duplex: 'half',
      cache: 'no-store',
      redirect: 'manual',
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(10_000)]),
    } as RequestInit);
    const passedBack = new Headers(answer.headers);
    for (const name of ofOneConnection) passedBack.delete(name);
    return new Response(answer.body, { status: answer.status, headers: passedBack });
  } catch {
    const detail = 'The service is temporarily unavailable, please try again';
    const body = { detail, code: 'SERVICE_UNAVAILABLE', message: detail };
    return Response.json(body, { status: 503, headers: { 'Retry-After': '5' } });
  }
}

export { forward as DELETE, forward as GET, forward as PATCH, forward as POST, forward as PUT };
