// The database of DATABASE_URL, as Better Auth takes it: PostgreSQL through pg, SQLite through libsql.
import { SqliteDialect } from "kysely";
import Database from "libsql";
import pg from "pg";

const [, file] = process.env.DATABASE_URL.match(/^sqlite:\/\/(.+)/) ?? [];
const sqlite = file && new Database(file);
// Another process may be writing.
sqlite?.pragma("busy_timeout = 5000");
const postgres = file ? undefined : new pg.Pool({ connectionString: process.env.DATABASE_URL });

export const database = postgres ?? {
  dialect: new SqliteDialect({ database: sqlite }),
  type: "sqlite",
  transaction: true,
};

/** The rows that a statement gives. */
export async function query(sql) {
  if (postgres) return (await postgres.query(sql)).rows;
  const statement = sqlite.prepare(sql);
  return statement.reader ? statement.all() : (statement.run(), []);
}

/** Runs many statements. */
export async function run(script) {
  await (postgres ? postgres.query(script) : sqlite.exec(script));
}
