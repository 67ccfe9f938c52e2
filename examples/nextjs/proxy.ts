import { type NextRequest, NextResponse } from 'next/server';
import { authServer } from '@/lib/auth-server';

export const config = { matcher: '/api/auth/:path*' };

/** Leads to Taskbridge if it signs users in. `rewrites` in next.config.ts would fix both, way and address, with `next build`. */
export function proxy({ nextUrl: { pathname, search } }: NextRequest) {
  if (authServer === 'app') return NextResponse.next();
  return NextResponse.rewrite(new URL(pathname + search, process.env.TASKBRIDGE_URL));
}
