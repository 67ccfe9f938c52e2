// @ts-check
// Where the app signs users in, and Taskbridge, in bridge mode, keeps their tasks alone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, test } from 'node:test';
import { add, isForTasks, shows, signUp, somebody, start } from '../support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
before(async () => {
  site = await start();
});

// As an auth server it describes that, too, for which the app has Better Auth's own client.
test('the generated types are those of this Taskbridge', () => {
  execFileSync('npm', ['run', '--silent', 'api:check', '--', `${site.direct}/openapi.json`], { stdio: 'pipe' });
});

// Where Taskbridge signs users in, nobody can be told from anybody while it is away: see ../taskbridge.
test('S4: while Taskbridge is away a page that is loaded says so, and goes on by itself when it is back', async () => {
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
