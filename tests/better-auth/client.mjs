// Calls the auth server at AUTH with the official clients. Prints their results and requests as JSON; generated values are
// replaced by their type.
import { createAuthClient } from "better-auth/client";
import { jwtClient } from "better-auth/client/plugins";
import { setTimeout } from "node:timers/promises";

const baseURL = process.env.AUTH;
const report = [];
const requests = new Set();

/** What a browser does with cookies, for one person. */
class Browser {
  cookies = new Map();

  fetch = async (input, init) => {
    const request = new Request(input, init);
    request.headers.set("origin", baseURL);
    requests.add(`${request.method} ${new URL(request.url).pathname}`);
    if (this.cookies.size > 0) {
      request.headers.set("cookie", [...this.cookies].map((cookie) => cookie.join("=")).join("; "));
    }
    const response = await globalThis.fetch(request);
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0(;|$)/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  };
}

const drawn = /^(id|token|userId|accountId|ipAddress|kid|x)$/;
const kind = (value, name) => {
  if (value instanceof Date) return "a date";
  if (Array.isArray(value)) return value.map((item) => kind(item));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, kind(item, key)]));
  }
  if (typeof value === "string" && value.split(".").length === 3 && name === "token") {
    return Object.keys(JSON.parse(Buffer.from(value.split(".")[1], "base64url"))).sort();
  }
  return typeof value === "string" && drawn.test(name) ? "a string" : value;
};

/** Keeps what a call gives. */
async function told(name, call) {
  const answer = await call;
  report.push({ name, answer: kind(answer) });
  return answer;
}

// With an image, because Better Auth with its store in memory omits empty fields.
const person = {
  name: "Ada",
  email: "Ada@Example.com",
  password: "correct horse battery",
  image: "https://example.com/ada.png",
};
const client = (browser = new Browser(), options = {}) =>
  createAuthClient({ baseURL, plugins: [jwtClient()], fetchOptions: { customFetchImpl: browser.fetch, ...options } });

// Sign-up and sign-in.
const browser = new Browser();
const ada = client(browser);
await told("no session", ada.getSession());
await told("no token", ada.token());
await told("no list", ada.listSessions());
await told("half a sign-up", ada.signUp.email({ name: "Ada" }));
await told("no address", ada.signUp.email({ ...person, email: "ada" }));
await told("a short password", ada.signUp.email({ ...person, password: "short" }));
await told("sign-up", ada.signUp.email(person));
await told("the session", ada.getSession());
await told("the token", ada.token());
await told("an address that is taken", client().signUp.email(person));
await told("a wrong password", client().signIn.email({ ...person, password: "wrong horse battery" }));
await told("nobody", client().signIn.email({ ...person, email: "nobody@example.com" }));
await told("sign-in, not to be remembered", client().signIn.email({ ...person, rememberMe: false }));
const headers = new Headers();
const second = await told(
  "sign-in",
  client().signIn.email({
    ...person,
    callbackURL: "/dashboard",
    fetchOptions: { onSuccess: ({ response }) => response.headers.forEach((value, name) => headers.set(name, value)) },
  }),
);
await told("a page elsewhere", client().signIn.email({ ...person, callbackURL: "https://evil.example/" }));

// Without cookies.
const bearer = headers.get("set-auth-token");
const withBearer = client(new Browser(), { auth: { type: "Bearer", token: () => bearer } });
await told("the session by its bearer form", withBearer.getSession());
await told("the token by it", withBearer.token());
const withToken = client(new Browser(), { auth: { type: "Bearer", token: second.data.token } });
await told("the session by its token", withToken.getSession());
await told("by what is none", client(new Browser(), { auth: { type: "Bearer", token: "x" } }).getSession());

// Sessions.
await told("all sessions", ada.listSessions());
await told("one ended", ada.revokeSession({ token: second.data.token }));
await told("it is over", withBearer.getSession());
await told("what is no session ended", ada.revokeSession({ token: "x" }));
await told("ended without a name", ada.revokeSession({}));
await told("all but this ended", ada.revokeOtherSessions());
await told("one is left", ada.listSessions());
await told("nothing to update", ada.updateSession({}));
await told("what may not be updated", ada.updateSession({ token: "x", userId: "y" }));
await told("all ended", ada.revokeSessions());
await told("none is left", ada.getSession());
await told("and none is listed", ada.listSessions());
await told("sign-out", ada.signOut());
await told("it is well", ada.$fetch("/ok"));
await told("what is not there", ada.$fetch("/made-up"));

// Changes to the own account.
const own = new Browser();
const lin = client(own);
const his = { ...person, email: "lin@example.com" };
await told("nobody changes anything", lin.updateUser({ name: "Lin" }));
await told("sign-up of another", lin.signUp.email(his));
await told("another name", lin.updateUser({ name: "Lin", image: "https://example.com/lin.png" }));
await told("it is another name", lin.getSession());
await told("no change", lin.updateUser({}));
await told("another address", lin.updateUser({ email: "x@example.com" }));
await told("the accounts", lin.listAccounts());
await told("the password", lin.$fetch("/verify-password", { method: "POST", body: { password: his.password } }));
await told("another one", lin.$fetch("/verify-password", { method: "POST", body: { password: "x" } }));
const change = { currentPassword: his.password, newPassword: "another horse battery" };
await told("a change without the password", lin.changePassword({ ...change, currentPassword: "wrong" }));
await told("a change to a short one", lin.changePassword({ ...change, newPassword: "short" }));
await told("another password", lin.changePassword(change));
const elsewhere = client();
await told("sign-in with the old one", elsewhere.signIn.email(his));
await told("sign-in with the new one", elsewhere.signIn.email({ ...his, password: change.newPassword }));
const back = { currentPassword: change.newPassword, newPassword: his.password, revokeOtherSessions: true };
await told("the old one again, here alone", lin.changePassword(back));
await told("here", lin.getSession());
await told("not there", elsewhere.getSession());
await told("gone, with a wrong password", lin.deleteUser({ password: "wrong" }));
await told("gone, with a token", lin.deleteUser({ token: "made-up" }));
await told("gone", lin.deleteUser({ password: his.password }));
await told("no session any more", lin.getSession());
await told("no sign-in any more", lin.signIn.email(his));
const { data: keys } = await told("the keys", lin.jwks());
if (keys.keys.length !== 1 || keys.keys[0].alg !== "EdDSA") throw new Error(JSON.stringify(keys));

// The session store of the React client, which expects a browser.
const events = { addEventListener() {}, removeEventListener() {}, dispatchEvent() {} };
globalThis.window = { ...events, location: { href: baseURL, origin: baseURL } };
globalThis.document = { ...events, visibilityState: "visible" };
const { createAuthClient: createReactClient } = await import("better-auth/react");
const react = createReactClient({ baseURL, fetchOptions: { customFetchImpl: new Browser().fetch } });
const store = react.$store.atoms.session;
const states = [];
const seen = async (holds) => {
  for (const end = Date.now() + 20_000; Date.now() < end; await setTimeout(5)) {
    const state = states.at(-1);
    if (state && !state.isPending && !state.isRefetching && holds(state.data)) return state;
  }
  throw new Error(`the store has only seen ${JSON.stringify(states)}`);
};
const forget = store.subscribe(({ refetch, ...state }) => states.push(state));
await told("the store, signed out", seen((data) => data === null));
await told("in React: sign-up", react.signUp.email({ ...person, email: "grace@example.com" }));
await told("the store, signed up", seen((data) => data?.user.email === "grace@example.com"));
await told("in React: sign-out", react.signOut());
await told("the store, signed out again", seen((data) => data === null));
await told("in React: sign-in", react.signIn.email({ ...person, email: "grace@example.com" }));
await told("the store, signed in", seen((data) => data?.user.email === "grace@example.com"));
forget();

console.log(JSON.stringify({ report, requests: [...requests].sort() }));
process.exit(0);
