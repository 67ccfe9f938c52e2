// @ts-check
// The app signs users in, and Taskbridge, in bridge mode, only stores their tasks.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, test } from 'node:test';
import { add, isForTasks, shows, signUp, somebody, start } from '../support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
before(async () => {
  site = await start();
});

// In server mode the document also describes the auth endpoints, for which the app uses Better Auth's client.
test('the generated types are those of this Taskbridge', () => {
  execFileSync('npm', ['run', '--silent', 'api:check', '--', `${site.direct}/openapi.json`], { stdio: 'pipe' });
});

// If Taskbridge signs users in, the app cannot identify users while Taskbridge is down: see ../taskbridge.
test('while Taskbridge is down a newly loaded page says so, and recovers on its own', async () => {
  const page = await (await site.visitor()).newPage();
  await signUp(page, somebody('Ada'));
  await add(page, 'Buy milk');
  await site.stopTaskbridge();
  await page.reload();
  await page.getByRole('alert').filter({ hasText: 'Your tasks could not be loaded' }).waitFor();
  await page.getByText('The server cannot be reached right now.').first().waitFor();
  await site.startTaskbridge();
  await shows(page, ['Buy milk']);
  assert.ok(site.gate.seen.every(isForTasks), 'Taskbridge is asked for tasks alone');
});
