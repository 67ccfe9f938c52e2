// Apps on Drizzle. Their schemas are those that `npx auth generate` of 1.7.7 writes for these options.
import { drizzle as connect } from "drizzle-orm/node-postgres";
import { createRequire } from "node:module";

// As an ES module it calls `require`, which does not exist there.
const { pushSchema } = createRequire(import.meta.url)("drizzle-kit/api");

export function drizzle(file, options = {}, adapterOptions = {}) {
  const schema = import(`./schemas/${file}.mjs`);
  return {
    options,
    async connect({ pool, load }) {
      const { drizzleAdapter } = await load("adapters/drizzle");
      return drizzleAdapter(connect(pool, { schema: await schema }), {
        provider: "pg",
        schema: await schema,
        ...adapterOptions,
      });
    },
    // As `drizzle-kit push` does.
    async migrate({ pool }) {
      const tables = Object.values(await schema).map((table) => table[Symbol.for("drizzle:Name")]);
      const { statementsToExecute, apply } = await pushSchema(await schema, connect(pool), ["public"], tables.filter(Boolean));
      await apply();
      return statementsToExecute;
    },
  };
}
