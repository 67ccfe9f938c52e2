// @ts-check
// Starts the app and Taskbridge, each with its own database, and a browser.
//   TASKBRIDGE    the program
//   AUTH_SERVER   the auth server: app or taskbridge
//   CHROMIUM      the browser; /usr/bin/chromium by default
//   SCREENSHOTS   the folder for pictures; none by default
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const program = process.env.TASKBRIDGE ?? '';
assert.ok(program, 'TASKBRIDGE must name the program');
export const authServer = process.env.AUTH_SERVER ?? '';
assert.match(authServer, /^(app|taskbridge)$/, 'AUTH_SERVER must be app or taskbridge');
/** The browsers of the tests send their own address, as a load balancer on this computer would. */
const proxies = '127.0.0.1';
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').BrowserContext} BrowserContext */
/** @typedef {{ method: string, url: string, status: number | undefined, headers: import('node:http').IncomingHttpHeaders }} Seen */

/** Functions to call at the end, in reverse order. @type {(() => unknown)[]} */
const ends = [];
after(async () => {
  /** @type {unknown[]} */
  const faults = [];
  for (const end of ends.reverse())
    await Promise.resolve()
      .then(end)
      .catch((fault) => faults.push(fault));
  if (faults.length > 0) throw faults[0];
});

/** Polls a condition until it is true. @param {() => unknown} condition @param {string} what */
export async function eventually(condition, what, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`in ${seconds} seconds it did not come to pass that ${what}`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

/** A program that is stopped at the end of the tests at the latest. */
class Program {
  /** @param {string} command @param {string[]} args @param {Record<string, string>} env @param {string} cwd */
  constructor(command, args, env, cwd) {
    this.output = '';
    this.process = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.exit = once(this.process, 'exit');
    ends.push(() => this.stop());
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (chunk) => {
        this.output += chunk;
      });
    }
  }

  /** @param {string} url */
  async answers(url) {
    const answered = () => {
      assert.equal(this.process.exitCode, null, this.output);
      return fetch(url).then(
        ({ ok }) => ok,
        () => false,
      );
    };
    await eventually(answered, `${url} answers`, 60);
  }

  async stop() {
    this.process.kill('SIGTERM');
    await this.exit;
  }
}

/**
 * A proxy between the app and Taskbridge. It records requests, and can delay calls for tasks or corrupt their tokens.
 * @param {number} port the port of Taskbridge
 */
async function gate(port) {
  /** @type {Seen[]} */
  const seen = [];
  /** @type {Promise<void> | undefined} */
  let closed;
  let spoils = false;
  const server = createServer(async (from, to) => {
    /** @type {Seen} */
    const entry = { method: from.method ?? '', url: from.url ?? '', status: undefined, headers: from.headers };
    seen.push(entry);
    const { method, url: path, headers } = from;
    if (isForTasks(entry)) {
      await closed;
      if (spoils) headers.authorization = 'Bearer spoilt';
    }
    const on = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
      entry.status = answer.statusCode;
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    on.on('error', () => to.destroy());
    from.pipe(on);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    seen,
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    /** Delays requests until the returned function is called. */
    hold() {
      /** @type {() => void} */
      let open = () => {};
      closed = new Promise((resolve) => {
        open = resolve;
      });
      return open;
    },
    /** @param {boolean} whether */
    spoilTokens(whether) {
      spoils = whether;
    },
  };
}

/** Returns `true` for the tasks API. Taskbridge gets all other requests as the auth server. @param {{ url: string }} asked */
export const isForTasks = ({ url }) => !url.startsWith('/api/auth/');

/**
 * Starts all programs. They stop when the tests of the file end.
 * @param {{ jwtLife?: number, settings?: Record<string, string> }} options the lifetime of tokens in seconds, and more settings of Taskbridge
 */
export async function start({ jwtLife = 900, settings = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'taskbridge-e2e-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  const [appPort, apiPort] = [await freePort(), await freePort()];
  const origin = `http://localhost:${appPort}`;
  const direct = `http://127.0.0.1:${apiPort}`;
  const between = await gate(apiPort);
  const secret = randomBytes(32).toString('base64');

  /** @type {Program} */
  let taskbridge;
  async function startTaskbridge(env = {}) {
    taskbridge = new Program(
      program,
      ['serve'],
      {
        ...(authServer === 'app'
          ? { AUTH_MODE: 'bridge', BETTER_AUTH_SECRET: '' }
          : {
              AUTH_MODE: 'server',
              BETTER_AUTH_SECRET: secret,
              TRUSTED_PROXIES: proxies,
              TASKBRIDGE__JWT__LIFETIME_SECONDS: String(jwtLife),
            }),
        BETTER_AUTH_URL: origin,
        DATABASE_URL: `sqlite://${folder}/tasks.db`,
        HOST: '127.0.0.1',
        PORT: String(apiPort),
        TASKBRIDGE__JWT__LEEWAY_SECONDS: '0',
        TASKBRIDGE__SERVER__DRAIN_SECONDS: '0',
        ...settings,
        ...env,
      },
      folder,
    );
    await taskbridge.answers(`${direct}/health/ready`);
  }
  await startTaskbridge();

  /** @type {Program} */
  let app;
  async function startApp() {
    app = new Program(
      process.execPath,
      ['node_modules/next/dist/bin/next', 'start', '--hostname', '127.0.0.1', '--port', String(appPort)],
      {
        AUTH_SERVER: authServer,
        TASKBRIDGE_URL: `http://127.0.0.1:${between.port}`,
        ...(authServer === 'app' && {
          BETTER_AUTH_URL: origin,
          BETTER_AUTH_SECRET: secret,
          TRUSTED_PROXIES: proxies,
          AUTH_DATABASE: join(folder, 'auth.db'),
          JWT_LIFE: `${jwtLife}s`,
        }),
        NEXT_TELEMETRY_DISABLED: '1',
      },
      root,
    );
    await app.answers(`${origin}/signin`);
  }
  await startApp();

  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

  ends.push(() => browser.close());
  /** @type {string[]} */
  const complaints = [];
  ends.push(() => assert.deepEqual(complaints, [], 'errors in the browser, or requests to other hosts'));
  let addresses = 0;

  /**
   * Opens a browser with its own address, because sign-ins are counted by address.
   * @param {import('playwright-core').BrowserContextOptions & { expected?: RegExp }} options `expected`: the console errors that are allowed
   */
  async function visitor({ expected, ...options } = {}) {
    addresses += 1;
    const context = await browser.newContext({
      baseURL: origin,
      locale: 'en-GB',
      extraHTTPHeaders: { 'X-Forwarded-For': `192.0.2.${addresses}` },
      ...options,
    });
    context.setDefaultTimeout(30_000);
    context.on('request', (asked) => {
      if (!/^(data|blob):/.test(asked.url()) && new URL(asked.url()).origin !== origin) complaints.push(asked.url());
    });
    context.on('weberror', (fault) => {
      if (!expected?.test(String(fault.error()))) complaints.push(String(fault.error()));
    });
    context.on('console', (message) => {
      // Browsers log every answer with an error status, expected or not.
      if (message.type() !== 'error' || message.text().startsWith('Failed to load')) return;
      if (!expected?.test(message.text())) complaints.push(message.text());
    });
    return context;
  }

  return {
    origin,
    /** The folder with all data. */
    folder,
    /** The URL of Taskbridge, without the proxy. */
    direct,
    gate: between,
    visitor,
    startTaskbridge,
    stopTaskbridge: () => taskbridge.stop(),
    startApp,
    stopApp: () => app.stop(),
  };
}

let users = 0;

/** @param {string} name */
export function somebody(name) {
  users += 1;
  return {
    name,
    email: `${name.split(' ')[0]?.toLowerCase()}.${users}@example.com`,
    password: `correct horse ${users}`,
  };
}

/** @param {Page} page @param {ReturnType<typeof somebody>} user */
export async function signUp(page, user) {
  await page.goto('/signup');
  await page.getByLabel('Name').fill(user.name);
  await signIn(page, user, 'Sign up');
}

/** @param {Page} page @param {ReturnType<typeof somebody>} user */
export async function signIn(page, user, button = 'Sign in') {
  await page.getByLabel('E-mail').fill(user.email);
  await page.getByLabel('Password', { exact: true }).fill(user.password);
  await page.getByRole('button', { name: button }).click();
  await page.waitForURL('**/dashboard');
}

/** @param {Page} page */
export async function signOut(page) {
  await page.getByRole('banner').getByRole('button').click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.waitForURL('**/signin');
}

/** Adds a task, and waits until the server has it. @param {Page} page @param {string} title */
export async function add(page, title, description = '', { wait = true } = {}) {
  const form = page.getByRole('form', { name: 'New task' });
  await form.getByLabel('Title').fill(title);
  await form.getByLabel('Description').fill(description);
  await form.getByRole('button', { name: 'Add task' }).click();
  if (wait) await row(page, title).and(page.locator('[aria-busy=false]')).waitFor();
}

/** The row of a task. @param {Page} page @param {string} title */
export const row = (page, title) =>
  page.getByRole('list', { name: 'Tasks' }).getByRole('listitem').filter({ hasText: title });

/** @param {Page} page @param {string} title */
export const box = (page, title) => page.getByRole('checkbox', { name: title, exact: true });

/** Returns the displayed titles, from top to bottom. @param {Page} page */
export const titles = (page) => page.getByRole('list', { name: 'Tasks' }).locator('label').allTextContents();

/** Waits until exactly these titles are displayed. @param {Page} page @param {string[]} expected */
export async function shows(page, expected) {
  await eventually(
    async () => JSON.stringify(await titles(page)) === JSON.stringify(expected),
    `the list is ${JSON.stringify(expected)}`,
  ).catch(async (error) => assert.deepEqual(await titles(page), expected, error.message));
}

/** Returns the access token of the signed-in user, and the id in it. @param {BrowserContext} context */
export async function tokenOf(context) {
  const answer = await context.request.get('/api/auth/token');
  const { token } = await answer.json();
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  return { token: String(token), sub: String(sub) };
}

/**
 * Returns the app's answer to a client with this address.
 * @param {string} origin @param {string} client @param {string} path @param {{ method?: string, headers?: import('node:http').OutgoingHttpHeaders, body?: string }} options
 */
export async function ask(origin, client, path, { method = 'GET', headers = {}, body = '' } = {}) {
  const { port } = new URL(origin);
  const sent = request({ host: '127.0.0.1', port, localAddress: client, method, path, headers, agent: false }).end(
    body,
  );
  const [answer] = /** @type {[import('node:http').IncomingMessage]} */ (await once(sent, 'response'));
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

/** Returns the tasks of a user, read from Taskbridge directly. @param {string} direct @param {{ token: string, sub: string }} user */
export async function tasksOf(direct, { token, sub }) {
  const answer = await fetch(`${direct}/api/${sub}/tasks`, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return /** @type {{ id: number, title: string, description: string | null, completed: boolean }[]} */ (
    await answer.json()
  );
}

/** Checks a page with axe, and that it is not wider than the screen. @param {Page} page @param {string} name */
export async function look(page, name) {
  // Colors are checked after their transitions.
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter(({ effect }) => effect?.getComputedTiming().endTime !== Infinity)
        // A cancelled transition never finishes.
        .map(({ finished }) => finished.catch(() => undefined)),
    ),
  );
  if (process.env.SCREENSHOTS)
    await page.screenshot({ path: join(process.env.SCREENSHOTS, authServer, `${name}.png`) });
  await page.evaluate(axe);
  /** @type {import('axe-core').AxeResults} */
  const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  const faults = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(faults, [], `axe on ${name}`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${name} is ${overflow} px wider than the screen`);
}
