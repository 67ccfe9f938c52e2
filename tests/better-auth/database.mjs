// Opens DATABASE_URL for Better Auth: PostgreSQL with pg, SQLite with libsql.
import { SqliteDialect } from "kysely";
import Database from "libsql";
import pg from "pg";

const [, file] = process.env.DATABASE_URL.match(/^sqlite:\/\/(.+)/) ?? [];
const sqlite = file && new Database(file);
// Waits while another process writes.
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
