// @ts-check
// Sign-ins are counted by client address. Each client of these tests has an address of this computer, 127.0.0.2 and up, that
// no setting names as a proxy.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { ask, start } from './support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
before(async () => {
  site = await start();
});

/** Tries to sign in, and returns the result. @param {string} client its address @param {Record<string, string | string[]>} said */
async function tryFrom(client, said = {}) {
  const headers = { Origin: site.origin, 'Content-Type': 'application/json', ...said };
  const body = JSON.stringify({ email: 'nobody@example.com', password: 'not that' });
  return (await ask(site.origin, client, '/api/auth/sign-in/email', { method: 'POST', headers, body })).status;
}

/** Headers with which a client may try to have another address. @type {Record<string, string | string[]>[]} */
const lies = [
  { 'X-Forwarded-For': '198.51.100.1' },
  { 'X-Forwarded-For': '198.51.100.2, 198.51.100.3' },
  { 'X-Forwarded-For': ['198.51.100.4', '198.51.100.5'] },
  { 'X-Forwarded-For': '198.51.100.6, 127.0.0.1' },
  { 'X-Forwarded-For': '127.0.0.1' },
  { 'X-Forwarded-For': '2001:db8::1' },
  { 'X-Forwarded-For': 'unknown' },
  { 'X-Forwarded-For': ',' },
  { 'X-Forwarded-For': '' },
  { 'X-Forwarded-For': '198.51.100.7,' },
  { Forwarded: 'for=198.51.100.8' },
  { 'X-Real-IP': '198.51.100.9' },
  { 'X-Client-IP': '198.51.100.10', 'True-Client-IP': '198.51.100.11', 'CF-Connecting-IP': '198.51.100.12' },
  { 'X-Middleware-Request-X-Forwarded-For': '198.51.100.13', 'X-Middleware-Override-Headers': 'x-forwarded-for' },
  { Connection: 'close, X-Forwarded-For' },
];

test('a fourth sign-in in a row is refused, for this client only', async () => {
  const [one, two] = ['127.0.0.2', '127.0.0.3'];
  for (const expected of [401, 401, 401, 429]) assert.equal(await tryFrom(one), expected);
  assert.equal(await tryFrom(two), 401);
  const answers = await Promise.all([...lies, { 'X-Forwarded-For': two }].map((lie) => tryFrom(one, lie)));
  assert.deepEqual(
    answers.filter((status) => status !== 429),
    [],
    `${answers}`,
  );
});

test('a client that sends a new address each time is counted as one', async () => {
  const answers = [];
  for (const lie of lies.slice(0, 4)) answers.push(await tryFrom('127.0.0.4', lie));
  assert.deepEqual(answers, [401, 401, 401, 429]);
});

test('a client that sends the address of another client does not use up its attempts', async () => {
  const [one, other] = ['127.0.0.5', '127.0.0.6'];
  for (const expected of [401, 401, 401, 429]) assert.equal(await tryFrom(one, { 'X-Forwarded-For': other }), expected);
  assert.equal(await tryFrom(other), 401);
});

test('the addresses that a trusted proxy sends are used', async () => {
  const proxy = '127.0.0.1';
  const tries = (/** @type {string} */ said) => tryFrom(proxy, { 'X-Forwarded-For': said });
  for (const expected of [401, 401, 401, 429]) assert.equal(await tries('192.0.2.201'), expected);
  assert.equal(await tries('198.51.100.1, 192.0.2.201'), 429);
  assert.equal(await tries('192.0.2.201, 192.0.2.202'), 401);
});
