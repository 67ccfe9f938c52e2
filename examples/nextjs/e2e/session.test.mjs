// @ts-check
// Tokens and sessions that expire in use, and a Taskbridge that is down for a while.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  add,
  authServer,
  box,
  eventually,
  row,
  shows,
  signIn,
  signOut,
  signUp,
  somebody,
  start,
  tokenOf,
} from './support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
/** With the default lifetime of tokens. @type {Awaited<ReturnType<typeof start>>} */
let calm;
before(async () => {
  [site, calm] = [await start({ jwtLife: 4 }), await start()];
});

async function signedUp(at = site) {
  const context = await at.visitor();
  const page = await context.newPage();
  const user = somebody('Ada');
  await signUp(page, user);
  await page.getByText('No tasks yet').waitFor();
  const { sub } = await tokenOf(context);
  return { context, page, user, sub };
}

/** Returns the requests that reached Taskbridge for a user. @param {string} sub */
const seenOf = (sub, at = site) => at.gate.seen.filter(({ url }) => url.startsWith(`/api/${sub}/`));

/** Returns the token of the last request, as soon as Taskbridge rejects it. @param {string} sub */
async function expired(sub) {
  const authorization = seenOf(sub).at(-1)?.headers.authorization ?? '';
  const refused = async () =>
    (await fetch(`${site.direct}/api/${sub}/tasks`, { headers: { Authorization: authorization } })).status === 401;
  await eventually(refused, 'the token expires');
  return authorization;
}

/** Ends all sessions of a user, from another device. @param {ReturnType<typeof somebody>} user */
async function endSessions(user) {
  const { request } = await site.visitor();
  const headers = { Origin: site.origin };
  const { email, password } = user;
  assert.ok((await request.post('/api/auth/sign-in/email', { headers, data: { email, password } })).ok());
  assert.ok((await request.post('/api/auth/revoke-other-sessions', { headers, data: {} })).ok());
}

/** Makes Taskbridge reject its own tokens: the proxy corrupts them. @param {boolean} whether */
async function refuseTokens(whether) {
  if (authServer === 'taskbridge') return site.gate.spoilTokens(whether);
  await site.stopTaskbridge();
  await site.startTaskbridge(whether ? { TASKBRIDGE__JWT__ISSUER: 'http://localhost:1' } : {});
}

test('an expired token is renewed without a visible effect', async () => {
  const { page, sub } = await signedUp();
  await add(page, 'Buy milk');
  const first = await expired(sub);
  const before = seenOf(sub).length;
  await box(page, 'Buy milk').click();
  await eventually(() => seenOf(sub).some(({ method, status }) => method === 'PATCH' && status === 200), 'it is done');
  assert.ok(await box(page, 'Buy milk').isChecked());
  const later = seenOf(sub).slice(before);
  assert.ok(later.every(({ headers }) => headers.authorization !== first));
});

test('a token that Taskbridge rejects is renewed, and the call is repeated', async () => {
  const { page, sub } = await signedUp();
  await page.clock.setFixedTime(Date.now()); // The clock of this device stands still, so the token never seems to expire.
  await add(page, 'Buy milk');
  const refused = await expired(sub);
  const before = seenOf(sub).length;
  await add(page, 'Call Grace', 'before five');
  await shows(page, ['Call Grace', 'Buy milk']);
  await row(page, 'Call Grace').getByText('before five').waitFor();
  const posts = seenOf(sub)
    .slice(before)
    .filter(({ method }) => method === 'POST');
  assert.deepEqual(
    posts.map(({ status }) => status),
    [401, 201],
  );
  assert.equal(posts[0]?.headers.authorization, refused);
  assert.notEqual(posts[1]?.headers.authorization, refused);
});

test('a token is renewed before it expires, with one request for concurrent calls', async () => {
  const { page, sub } = await signedUp(calm);
  /** @type {import('playwright-core').Route[]} */
  const held = [];
  const start = Date.now();
  await page.clock.setFixedTime(start);
  await page.reload();
  await page.getByText('No tasks yet').waitFor();
  await page.route('**/api/auth/token', (route) => held.push(route));
  const before = seenOf(sub, calm).length;

  await page.clock.setFixedTime(start + 13.9 * 60_000);
  await page.getByRole('radio', { name: 'Open' }).click();
  await page.getByText('Nothing is open').waitFor();
  assert.equal(held.length, 0, 'a minute before its end it is still good');

  await page.clock.setFixedTime(start + 14.1 * 60_000);
  await add(page, 'Buy milk', '', { wait: false });
  await page.getByRole('radio', { name: 'Done' }).click();
  await eventually(() => held.length > 0, 'a new one is asked for');
  assert.equal(seenOf(sub, calm).length, before + 1, 'the old one is not used any more');
  await held[0]?.continue();
  await page.getByText('Nothing is done yet').waitFor();
  await eventually(
    () => seenOf(sub, calm).some(({ method, status }) => method === 'POST' && status === 201),
    'it is added',
  );
  assert.equal(held.length, 1);
  assert.ok(seenOf(sub, calm).every(({ status }) => status !== 401));
});

test('an expired session leads to sign-in with an explanation, and back', async () => {
  const { page, user, sub } = await signedUp();
  await add(page, 'Buy milk');
  await endSessions(user);
  await expired(sub);
  await box(page, 'Buy milk').click();
  await page.waitForURL('**/signin?expired');
  await page.getByText('Your session has expired. Please sign in again.').waitFor();
  await signIn(page, user);
  await shows(page, ['Buy milk']);
  assert.ok(!(await box(page, 'Buy milk').isChecked()));
});

test('if Taskbridge rejects every token, the user gets to sign-in without a redirect loop', async () => {
  const { page, user } = await signedUp();
  await refuseTokens(true);
  await page.getByRole('radio', { name: 'Open' }).click();
  await page.waitForURL('**/signin?expired');
  await page.getByText('Your session has expired. Please sign in again.').waitFor();
  await refuseTokens(false);
  await signIn(page, user);
  await page.getByText('No tasks yet').waitFor();
});

test('sign-out ends the session permanently', async () => {
  const { context, page, user } = await signedUp();
  await add(page, 'Buy milk');
  const other = await context.newPage();
  await other.goto('/dashboard');
  await shows(other, ['Buy milk']);
  const cookies = await context.cookies();
  await signOut(page);
  assert.deepEqual(
    (await context.cookies()).filter(({ name }) => name.includes('session')),
    [],
  );
  assert.equal((await context.request.get('/api/auth/token')).status(), 401);
  await page.goBack();
  await page.waitForURL('**/signin');
  assert.equal(await page.getByText('Buy milk').count(), 0);
  await other.waitForURL('**/signin?expired');

  const thief = await site.visitor();
  await thief.addCookies(cookies);
  assert.equal((await thief.request.get('/dashboard', { maxRedirects: 0 })).status(), 307);
  assert.equal((await thief.request.get('/api/auth/token')).status(), 401);
  await signIn(page, user);
  await shows(page, ['Buy milk']);
});

test('when another user signs in in another tab, the page shows that user’s tasks', async () => {
  const { context, page } = await signedUp();
  await add(page, 'Of Ada');
  const grace = somebody('Grace');
  await context.clearCookies();
  const headers = { Origin: site.origin };
  assert.ok((await context.request.post('/api/auth/sign-up/email', { headers, data: grace })).ok());
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByRole('banner').getByText(grace.email).waitFor();
  await page.getByText('No tasks yet').waitFor();
});

test('a restart of Taskbridge has no visible effect', async () => {
  const { page } = await signedUp();
  await add(page, 'Buy milk');
  await site.stopTaskbridge();
  await site.startTaskbridge();
  await add(page, 'Call Grace');
  await box(page, 'Buy milk').click();
  await page.getByRole('radio', { name: 'Open' }).click();
  await shows(page, ['Call Grace']);
  assert.equal(await page.getByText('cannot be reached').count(), 0);
});

test('while Taskbridge is down the page says so, and recovers on its own', async () => {
  const { page } = await signedUp();
  await add(page, 'Buy milk');
  await site.stopTaskbridge();
  await page.getByRole('radio', { name: 'Done' }).click();
  await page.getByRole('alert').filter({ hasText: 'Your tasks could not be loaded' }).waitFor();
  await page.getByText('The server cannot be reached right now.').first().waitFor();
  await site.startTaskbridge();
  await page.getByText('Nothing is done yet').waitFor();
  await page.getByRole('radio', { name: 'All' }).click();
  await shows(page, ['Buy milk']);
});

test('while the app is down the page says so, and recovers on its own', async () => {
  const { page, sub } = await signedUp();
  await add(page, 'Buy milk');
  await expired(sub);
  await site.stopApp();
  await box(page, 'Buy milk').click();
  await page.getByText('“Buy milk” was not changed').waitFor();
  assert.ok(!(await box(page, 'Buy milk').isChecked()));
  await page.getByText('You see what was there last.').waitFor();
  await site.startApp();
  await page.getByText('You see what was there last.').waitFor({ state: 'hidden' });
  await box(page, 'Buy milk').click();
  await page.reload();
  await shows(page, ['Buy milk']);
});
