// Verifies TOKEN by the keys that are published at JWKS_URL, issued by and for ISSUER, and prints its two parts as JSON.
import { createRemoteJWKSet, jwtVerify } from "jose";

const { ISSUER, JWKS_URL, TOKEN } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URL));
const { payload, protectedHeader } = await jwtVerify(TOKEN, keys, { issuer: ISSUER, audience: ISSUER });
console.log(JSON.stringify({ header: protectedHeader, claims: payload }));
process.exit(0);
