// Prints what @next/env and dotenv read from the files in FILES, a JSON array of texts, each with the environment in ENVIRONMENT, a JSON object.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import env from "@next/env";
import dotenv from "dotenv";

const environment = JSON.parse(process.env.ENVIRONMENT);
const files = JSON.parse(process.env.FILES);
for (const name of Object.keys(process.env)) delete process.env[name];
Object.assign(process.env, environment);
const folder = mkdtempSync(join(tmpdir(), "env-"));
// A file that Next.js cannot read is reported with the second function; its values are missing below.
const log = { info() {}, error() {} };
const read = files.map((text) => {
  writeFileSync(join(folder, ".env"), text);
  const { parsedEnv } = env.loadEnvConfig(folder, false, log, true);
  return { next: { ...parsedEnv }, dotenv: dotenv.parse(text) };
});
rmSync(folder, { recursive: true });
console.log(JSON.stringify(read));
