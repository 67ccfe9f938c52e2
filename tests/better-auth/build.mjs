// Strips the types from each .ts file below the folder ROOT, and writes a .js file next to it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
for (const name of readdirSync(process.env.ROOT, { recursive: true })) {
  if (!name.endsWith(".ts")) continue;
  const file = join(process.env.ROOT, name);
  const options = { compilerOptions, reportDiagnostics: true };
  const { outputText, diagnostics } = ts.transpileModule(readFileSync(file, "utf8"), options);
  if (diagnostics.length > 0) throw new SyntaxError(`${name}: ${diagnostics[0].messageText}`);
  writeFileSync(file.replace(/ts$/, "js"), outputText);
}
