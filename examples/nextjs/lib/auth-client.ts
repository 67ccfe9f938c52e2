import { jwtClient } from 'better-auth/client/plugins';
import { createAuthClient } from 'better-auth/react';

/** The client of the auth server, which is at /api/auth of this origin in both modes. */
export const authClient = createAuthClient({ plugins: [jwtClient()] });
