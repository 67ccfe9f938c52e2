// A page of the app at BETTER_AUTH_URL in a browser, with the app's files below the folder ROOT: a user signs up, calls
// Taskbridge, and signs out. Prints the results.
import { register } from "node:module";
import { pathToFileURL } from "node:url";

const root = pathToFileURL(`${process.env.ROOT}/`).href;
register("./alias.mjs", import.meta.url, { data: root });

const origin = process.env.BETTER_AUTH_URL;
const cookies = new Map();
let isSpoilt = false;
const send = globalThis.fetch;

const { default: config } = await import(new URL("next.config.js", root));
const rewrites = await config.rewrites();

// Returns the address to which Next.js forwards a request for `url`, if one of the rewrites in next.config.ts matches.
function forwardedTo({ pathname, search }) {
  for (const { source, destination } of rewrites) {
    const pattern = source.replace("/:path*", "(?:/(?<path>.+))?").replace(/:(\w+)/g, "(?<$1>[^/]+)");
    const { groups } = pathname.match(`^${pattern}$`) ?? {};
    if (!groups) continue;
    const address = destination.replace(/\/:(\w+)\*?/g, (_, name) => (groups[name] ? `/${groups[name]}` : ""));
    return address + search;
  }
}

// Handles cookies, relative addresses and CORS as a browser does.
globalThis.fetch = async (input, init) => {
  const request = new Request(new URL(input, origin), init);
  request.headers.set("origin", origin);
  const url = new URL(request.url);
  const destination = forwardedTo(url);
  if (isSpoilt && (destination || url.origin !== origin)) {
    request.headers.set("authorization", "Bearer spoilt");
    isSpoilt = false;
  }
  if (url.origin !== origin) return ofAnotherOrigin(request);
  request.headers.set("cookie", [...cookies].map((cookie) => cookie.join("=")).join("; "));
  const response = await send(destination ? new Request(destination, request) : request);
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
    if (value) cookies.set(name, value);
    else cookies.delete(name);
  }
  return response;
};

async function ofAnotherOrigin(request) {
  const names = [...request.headers.keys()].filter((name) => ["authorization", "content-type"].includes(name));
  const preflight = await send(request.url, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": request.method,
      "access-control-request-headers": names.join(","),
    },
  });
  const response = await send(request);
  const allow = (answer, header) => answer.headers.get(`access-control-allow-${header}`) ?? "";
  const isAllowed =
    preflight.ok &&
    [preflight, response].every((answer) => allow(answer, "origin") === origin) &&
    allow(preflight, "methods").includes(request.method) &&
    names.every((name) => allow(preflight, "headers").toLowerCase().includes(name));
  if (!isAllowed) throw new TypeError("CORS");
  return response;
}

const load = (file) => import(new URL(`lib/${file}.js`, root));
const { authClient } = await load("auth-client");
const { forgetToken, taskbridge } = await load("taskbridge");
const { fetchToken } = await load("token");
const withoutSession = () => taskbridge("/api/anybody/tasks").then(({ status }) => status, ({ message }) => message);

const seen = { before: await withoutSession() };
const { data, error } = await authClient.signUp.email({
  name: "Ann",
  email: "ann@example.test",
  password: process.env.PASSWORD,
});
if (error) throw error;
seen.id = data.user.id;
const tasks = `/api/${seen.id}/tasks`;
const task = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"title":"Buy milk"}' };
seen.added = (await taskbridge(tasks, task)).status;
seen.tasks = await (await taskbridge(tasks)).json();
seen.elsewhere = (await taskbridge("/api/somebody-else/tasks")).status;
isSpoilt = true;
seen.renewed = (await taskbridge(tasks)).status;
seen.token = await fetchToken();
seen.cookies = Object.fromEntries(cookies);
seen.onTheServer = await (await fetch("/test/server-token")).text();
await authClient.signOut();
seen.remembered = (await taskbridge(tasks)).status;
forgetToken();
seen.after = await withoutSession();
console.log(JSON.stringify(seen));
