// Runs SCRIPT on the database of DATABASE_URL if there is one, then SQL, and prints its rows, as JSON.
import { query, run } from "./database.mjs";

const { SCRIPT, SQL } = process.env;
if (SCRIPT) await run(SCRIPT);
console.log(JSON.stringify(SQL ? await query(SQL) : []));
process.exit(0);
