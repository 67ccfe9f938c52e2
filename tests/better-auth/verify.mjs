// Verifies TOKEN, issued by and for ISSUER, with the keys at JWKS_URL. Prints its header and payload as JSON.
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER, JWKS_URL, TOKEN } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URL));
const { payload, protectedHeader } = await jwtVerify(TOKEN, keys, { issuer: ISSUER, audience: ISSUER });
console.log(JSON.stringify({ header: protectedHeader, claims: payload }));
process.exit(0);
