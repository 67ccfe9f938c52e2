/**
 * The auth server at /api/auth: `app` is Better Auth in this app (lib/auth.ts), `taskbridge` is Taskbridge (proxy.ts).
 * Read when the app starts, so that one build supports both modes.
 */
export const authServer = process.env.AUTH_SERVER || 'app';
