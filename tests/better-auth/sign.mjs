// Signs a token of ISSUER, if set, for SUBJECT with each private key in the table jwks, and prints the tokens as JSON, oldest key first.
import { symmetricDecrypt } from "better-auth/crypto";
import { importJWK, SignJWT } from "jose";
import { query } from "./database.mjs";

const { BETTER_AUTH_SECRET, ISSUER, SUBJECT } = process.env;
const tokens = [];
for (const { id, alg, privateKey } of await query('select * from "jwks" order by "createdAt"')) {
  const jwk = await symmetricDecrypt({ key: BETTER_AUTH_SECRET, data: JSON.parse(privateKey) });
  const token = new SignJWT({ sub: SUBJECT, iss: ISSUER, aud: ISSUER }).setIssuedAt().setExpirationTime("5m");
  tokens.push(await token.setProtectedHeader({ alg, kid: id }).sign(await importJWK(JSON.parse(jwk), alg)));
}
console.log(JSON.stringify(tokens));
process.exit(0);
