import { type NextRequest, NextResponse } from 'next/server';

/**
 * Browsers know one origin only: what they ask of /api/<user id>/tasks is answered by Taskbridge. Nothing is decided
 * here. Taskbridge verifies the token of every request, and the pages ask for the session themselves.
 */
export function proxy(request: NextRequest) {
  const { pathname, search } = request.nextUrl;
  const headers = new Headers(request.headers);
  headers.delete('cookie'); // The session is between browser and app. Taskbridge wants the bearer token alone.
  return NextResponse.rewrite(new URL(pathname + search, process.env.TASKBRIDGE_URL), { request: { headers } });
}

export const config = { matcher: '/api/:user/tasks/:path*' };
