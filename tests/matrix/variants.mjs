// The apps of the tests, by name: options beyond the defaults, the database adapter, and how the app makes its tables.
import { drizzle } from "./drizzle.mjs";
import { prisma } from "./prisma.mjs";

const ids = (generateId) => ({ advanced: { database: { generateId } } });

const snake = (...names) => Object.fromEntries(names.map((name) => [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]));
const times = ["createdAt", "updatedAt"];
const renamed = {
  user: { modelName: "users", fields: snake("emailVerified", ...times) },
  session: { modelName: "auth_sessions", fields: snake("userId", "expiresAt", "ipAddress", "userAgent", ...times) },
  account: { modelName: "Account", fields: snake("userId", "accountId", "providerId", "accessToken", ...times) },
  verification: { modelName: "verifications", fields: snake("expiresAt", ...times) },
};

export const variants = {
  kysely: {},
  uuid: { options: ids("uuid") },
  serial: { options: ids("serial") },
  // 1.3 knows the first of the two options, newer releases the second.
  numbers: { options: { advanced: { database: { useNumberId: true, generateId: "serial" } } } },
  renamed: {
    options: {
      ...renamed,
      rateLimit: { modelName: "rate_limits", fields: snake("lastRequest") },
      jwt: { schema: { jwks: { modelName: "signing_keys", fields: snake("publicKey", "privateKey", "createdAt") } } },
    },
  },
  // Names that only the app knows.
  "renamed freely": {
    options: { user: { modelName: "people", fields: { email: "address" } }, account: { fields: { providerId: "provider" } } },
  },
  schema: { searchPath: "auth" },
  drizzle: drizzle("drizzle-text"),
  "drizzle usePlural": drizzle("drizzle-plural", {}, { usePlural: true }),
  "drizzle uuid": drizzle("drizzle-uuid", ids("uuid")),
  "drizzle serial": drizzle("drizzle-serial", ids("serial")),
  prisma: prisma("prisma-text"),
  "prisma without @@map": prisma("prisma-text", {}, {}, (schema) => schema.replace(/^ *@@map.*\n/gm, "")),
  "prisma usePlural": prisma("prisma-plural", {}, { usePlural: true }),
  "prisma uuid": prisma("prisma-uuid", ids("uuid")),
  "prisma serial": prisma("prisma-serial", ids("serial")),
};
