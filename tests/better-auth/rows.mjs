// Prints all rows of the database DATABASE_URL as JSON: for each table, an array of objects, in the order of the first column.
import { query } from "./database.mjs";

const postgres = !process.env.DATABASE_URL.startsWith("sqlite:");
// As JSON of PostgreSQL, times keep their microseconds.
const [tables, row, order] = postgres
  ? [`select tablename as "name" from pg_tables where schemaname = 'public'`, `to_jsonb(t) as "row"`, "t"]
  : [`select "name" from "sqlite_master" where "type" = 'table'`, "*", "1"];
const rows = {};
for (const { name } of await query(tables)) {
  const found = await query(`select ${row} from "${name}" t order by ${order}`);
  rows[name] = postgres ? found.map(({ row }) => row) : found;
}
console.log(JSON.stringify(rows));
process.exit(0);
