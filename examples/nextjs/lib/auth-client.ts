import { jwtClient } from 'better-auth/client/plugins';
import { createAuthClient } from 'better-auth/react';

/** The only place that knows who signs users in: /api/auth of this origin. */
export const authClient = createAuthClient({ plugins: [jwtClient()] });
