// Runs SCRIPT, if set, and then SQL on the database DATABASE_URL. Prints the rows as JSON.
import { query, run } from "./database.mjs";

const { SCRIPT, SQL } = process.env;
if (SCRIPT) await run(SCRIPT);
console.log(JSON.stringify(SQL ? await query(SQL) : []));
process.exit(0);
