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
    // As `drizzle-kit push` does with `tablesFilter`, which does not apply to sequences: it would drop that of `tasks`.
    async migrate({ pool }) {
      const tables = Object.values(await schema).map((table) => table[Symbol.for("drizzle:Name")]);
      const { statementsToExecute } = await pushSchema(await schema, connect(pool), ["public"], tables.filter(Boolean));
      const statements = statementsToExecute.filter((statement) => !statement.includes(`"tasks_id_seq"`));
      for (const statement of statements) await pool.query(statement);
      return statements.sort();
    },
  };
}
