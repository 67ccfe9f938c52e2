// @ts-check
// S3 and S4: tokens that end in use, sessions that end in use, and a Taskbridge that is away for a while.
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
/** With tokens that live as long as usual. @type {Awaited<ReturnType<typeof start>>} */
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

/** What reached Taskbridge for a user. @param {string} sub */
const seenOf = (sub, at = site) => at.gate.seen.filter(({ url }) => url.startsWith(`/api/${sub}/`));

/** The token of the last request, once Taskbridge refuses it. @param {string} sub */
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

/** Those of its own Taskbridge always accepts: they are spoilt on their way. @param {boolean} whether */
async function refuseTokens(whether) {
  if (authServer === 'taskbridge') return site.gate.spoilTokens(whether);
  await site.stopTaskbridge();
  await site.startTaskbridge(whether ? { TASKBRIDGE__JWT__ISSUER: 'http://localhost:1' } : {});
}

test('S3: a token that has expired is renewed, and nobody notices', async () => {
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

test('S3: a token that Taskbridge refuses is renewed, and the call sent once more', async () => {
  const { page, sub } = await signedUp();
  await page.clock.setFixedTime(Date.now()); // To this device no time passes: it takes the token for good.
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

test('S3: it is renewed before it expires, in one flight for all who ask', async () => {
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

test('S3: a session that has ended leads to sign-in, which says so, and back', async () => {
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

test('S3: a Taskbridge that refuses every token leads to sign-in, not in a circle', async () => {
  const { page, user } = await signedUp();
  await refuseTokens(true);
  await page.getByRole('radio', { name: 'Open' }).click();
  await page.waitForURL('**/signin?expired');
  await page.getByText('Your session has expired. Please sign in again.').waitFor();
  await refuseTokens(false);
  await signIn(page, user);
  await page.getByText('No tasks yet').waitFor();
});

test('S4: sign-out ends the session for good', async () => {
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

test('S5: when somebody else has signed in in another tab, the page becomes theirs', async () => {
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

test('S4: a restart of Taskbridge is not noticed', async () => {
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

test('S4: while Taskbridge is away the page says so, and goes on by itself when it is back', async () => {
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

test('S4: while the app is away the page says so, and goes on by itself when it is back', async () => {
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
