// @ts-check
// Taskbridge signs users in, and the app stores no users.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, test } from 'node:test';
import { add, ask, look, shows, signUp, somebody, start } from '../support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
/** The number of requests of one kind that a client may send in a row. */
const max = 20;
before(async () => {
  site = await start({ settings: { TASKBRIDGE__RATE_LIMIT__MAX: String(max) } });
});

// In the other mode, pages identify users without Taskbridge: see ../app.
test('while Taskbridge is down every page says so, and afterwards users are still signed in', async () => {
  // "An error occurred in the Server Components render."
  const context = await site.visitor({ expected: /React error #441/ });
  const page = await context.newPage();
  await signUp(page, somebody('Ada'));
  await add(page, 'Buy milk');
  const guest = await (await site.visitor()).newPage();
  await guest.goto('/signin');

  await site.stopTaskbridge();
  for (const path of ['/', '/dashboard', '/signin', '/signup']) {
    await page.goto(path);
    await page.getByRole('heading', { name: 'Something went wrong' }).waitFor();
  }
  assert.equal((await context.request.get('/dashboard', { maxRedirects: 0 })).status(), 500, 'nobody is led anywhere');
  await look(page, 'away');
  await guest.getByLabel('E-mail').fill('ada@example.com');
  await guest.getByLabel('Password', { exact: true }).fill('correct horse');
  await guest.getByRole('button', { name: 'Sign in' }).click();
  await guest.getByText('The server cannot be reached right now. Please try again in a moment.').waitFor();

  await site.startTaskbridge();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.waitForURL('**/dashboard');
  await shows(page, ['Buy milk']);
});

test('for a page, the app sends Taskbridge the cookie and the address of the client, and nothing else', async () => {
  const headers = { Cookie: 'better-auth.session_token=forged.forged', 'X-Secret': 'of the app', Referer: site.origin };
  const before = site.gate.seen.length;
  assert.equal((await ask(site.origin, '127.0.0.2', '/dashboard', { headers })).status, 307);
  const [seen, ...more] = site.gate.seen.slice(before);
  assert.equal(more.length, 0, 'once for each request');
  assert.equal(seen?.headers.cookie, headers.Cookie);
  assert.equal(seen?.headers['x-forwarded-for'], '127.0.0.2');
  assert.equal(seen?.headers['x-secret'] ?? seen?.headers.referer, undefined);
});

test('requests for pages count for the client, not for the app', async () => {
  const load = async (/** @type {string} */ client, headers = {}) =>
    (await ask(site.origin, client, '/dashboard', { headers })).status;
  for (let loads = 0; loads < max; loads += 1) assert.equal(await load('127.0.0.3'), 307);
  assert.equal(await load('127.0.0.3'), 500);
  assert.equal(await load('127.0.0.3', { 'X-Forwarded-For': '198.51.100.1' }), 500);
  assert.equal(await load('127.0.0.4'), 307);
});

test('the app has no database', () => {
  assert.deepEqual(
    readdirSync(site.folder).filter((name) => !name.startsWith('tasks.db')),
    [],
  );
});
