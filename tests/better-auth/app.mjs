// Serves the route handlers of a Next.js app, app/**/route.js below the folder ROOT, on a free port. Prints its URL, which
// is the default of BETTER_AUTH_URL.
import { toNodeHandler } from "better-auth/node";
import { readdirSync } from "node:fs";
import { createServer } from "node:http";
import { register } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

const root = pathToFileURL(`${process.env.ROOT}/`).href;
register("./alias.mjs", import.meta.url, { data: root });

const routes = [];
const server = createServer(
  toNodeHandler((request) => {
    const { pathname } = new URL(request.url);
    const route = routes.find(({ pattern }) => pattern.test(pathname));
    return route?.handlers[request.method]?.(request) ?? new Response(null, { status: 404 });
  }),
);
server.listen(0, "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  process.env.BETTER_AUTH_URL ||= url;
  for (const file of readdirSync(new URL("app", root), { recursive: true })) {
    if (!file.endsWith("route.js")) continue;
    const pattern = new RegExp(`^/${dirname(file).replace(/\[\.\.\.\w+\]/, ".+")}$`);
    routes.push({ pattern, handlers: await import(new URL(`app/${file}`, root)) });
  }
  console.log(url);
});
