/**
 * Who signs users in at /api/auth: `app` is this app (lib/auth.ts), `taskbridge` Taskbridge, to which proxy.ts leads.
 * Read when the app starts, so that one build serves both.
 */
export const authServer = process.env.AUTH_SERVER || 'app';
