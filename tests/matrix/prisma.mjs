// Apps on Prisma. Their schemas in schemas/ are those that `npx auth generate` of Better Auth 1.7 writes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// Its packages are in a folder of their own, because they are large and few apps need them.
const folder = new URL("prisma/", import.meta.url);
const require = createRequire(folder);

export function prisma(file, options = {}, adapterOptions = {}, change = (schema) => schema) {
  const models = () => {
    const schema = readFileSync(new URL(`schemas/${file}.prisma`, import.meta.url), "utf8");
    return change(schema.slice(schema.indexOf("model ")));
  };
  return {
    options,
    async connect({ database, load }) {
      const { prismaAdapter } = await load("adapters/prisma");
      const { PrismaPg } = require("@prisma/adapter-pg");
      const { PrismaClient } = require(generate(models()));
      const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: database, max: 3 }) });
      return prismaAdapter(client, { provider: "postgresql", ...adapterOptions });
    },
    async migrate({ pool }) {
      const { rows } = await pool.query("select 1 from pg_tables where schemaname = 'public'");
      if (rows.length > 0) return [];
      const statements = tables(models());
      for (const statement of statements) await pool.query(statement);
      return statements;
    },
  };
}

const clients = new Map();

/** Returns the folder of the client for these models. */
function generate(models) {
  if (!clients.has(models)) clients.set(models, generateAnew(models));
  return clients.get(models);
}

function generateAnew(models) {
  const client = mkdtempSync(new URL("node_modules/generated-", folder).pathname);
  const schema = join(client, "schema.prisma");
  const head = `generator client {\n  provider = "prisma-client-js"\n  output = "client"\n}\ndatasource db {\n  provider = "postgresql"\n}\n`;
  writeFileSync(schema, head + models);
  // Without a path Prisma downloads this engine, which only migrations use.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath };
  execFileSync(process.execPath, [require.resolve("prisma/build/index.js"), "generate", "--schema", schema], { env, stdio: "pipe" });
  return join(client, "client");
}

const types = { String: "TEXT", Int: "INTEGER", BigInt: "BIGINT", Boolean: "BOOLEAN", DateTime: "TIMESTAMP(3)" };

/** Returns the statements of `prisma migrate` for these models. The real one needs an engine that is no npm package. */
function tables(models) {
  const statements = [];
  const references = [];
  const found = [...models.matchAll(/^model (\w+) \{\n(.*?)^\}/gms)].map(([, model, body]) => ({
    model,
    table: body.match(/@@map\("(.*)"\)/)?.[1] ?? model,
    lines: body.split("\n").map((line) => line.trim()),
  }));
  const tableOf = Object.fromEntries(found.map(({ model, table }) => [model, table]));
  for (const { table, lines } of found) {
    const columns = [];
    const indexes = [];
    for (const line of lines) {
      const [name, type, ...rest] = line.split(/\s+/);
      const attributes = rest.join(" ");
      const relation = attributes.match(/@relation\(fields: \[(\w+)\]/);
      const index = line.match(/^@@(unique|index)\(\[(\w+)\]\)/);
      if (relation) {
        references.push(
          `ALTER TABLE "${table}" ADD CONSTRAINT "${table}_${relation[1]}_fkey" FOREIGN KEY ("${relation[1]}") REFERENCES "${tableOf[type]}"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
        );
      } else if (index) {
        const [, kind, column] = index;
        const unique = kind === "unique";
        indexes.push(`CREATE ${unique ? "UNIQUE " : ""}INDEX "${table}_${column}_${unique ? "key" : "idx"}" ON "${table}"("${column}")`);
      } else if (type?.replace("?", "") in types) {
        columns.push(`"${name}" ${columnType(type, attributes)}`);
      }
    }
    columns.push(`CONSTRAINT "${table}_pkey" PRIMARY KEY ("id")`);
    statements.push(`CREATE TABLE "${table}" (\n  ${columns.join(",\n  ")}\n)`, ...indexes);
  }
  return [...statements, ...references];
}

function columnType(type, attributes) {
  if (attributes.includes("autoincrement()")) return "SERIAL NOT NULL";
  const sql = attributes.includes("@db.Uuid") ? "UUID" : types[type.replace("?", "")];
  const required = type.endsWith("?") ? "" : " NOT NULL";
  const value = attributes.match(/@default\((?:dbgenerated\("(.*?)"\)|(.*?))\)( |$)/);
  if (!value) return sql + required;
  return `${sql}${required} DEFAULT ${value[1] ?? { "now()": "CURRENT_TIMESTAMP" }[value[2]] ?? value[2]}`;
}
