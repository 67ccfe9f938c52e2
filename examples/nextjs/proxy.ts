import { type NextRequest, NextResponse } from 'next/server';
import { authServer } from '@/lib/auth-server';

export const config = { matcher: '/api/auth/:path*' };

/** Forwards to Taskbridge if it is the auth server. With `rewrites` in next.config.ts, `next build` would fix mode and address. */
export function proxy({ nextUrl: { pathname, search } }: NextRequest) {
  if (authServer === 'app') return NextResponse.next();
  return NextResponse.rewrite(new URL(pathname + search, process.env.TASKBRIDGE_URL));
}
