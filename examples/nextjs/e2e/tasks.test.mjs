// @ts-check
// The operations on tasks, filter and search: shown immediately, and undone on errors. Users cannot see each other's tasks.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { add, box, eventually, isForTasks, row, shows, signUp, somebody, start, tasksOf, tokenOf } from './support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
before(async () => {
  site = await start();
});

async function signedUp(name = 'Ada') {
  const context = await site.visitor();
  const page = await context.newPage();
  await signUp(page, somebody(name));
  await page.getByText('No tasks yet').waitFor();
  return { context, page };
}

test('tasks are added, shown, changed, completed and deleted; a reload shows the server’s state', async () => {
  const { context, page } = await signedUp();
  const me = await tokenOf(context);
  await page.getByRole('button', { name: 'Add task' }).click();
  await page.getByText('Please give the task a title.').waitFor();

  await add(page, '  Buy milk  ', '2 litres');
  await add(page, 'Call Grace');
  await add(page, 'Renew <b>the</b> passport & more');
  await shows(page, ['Renew <b>the</b> passport & more', 'Call Grace', 'Buy milk']);
  await row(page, 'Buy milk').getByText('2 litres').waitFor();

  await row(page, 'Buy milk').getByRole('button', { name: /^Edit/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Edit task' });
  await dialog.getByLabel('Title').fill(' ');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByText('Please give the task a title.').waitFor();
  await dialog.getByLabel('Title').fill('Buy oat milk');
  await dialog.getByLabel('Description').fill('');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await row(page, 'Buy oat milk').waitFor();
  assert.equal(await page.getByText('2 litres').count(), 0);

  await box(page, 'Call Grace').click();
  await box(page, 'Buy oat milk').click();
  await box(page, 'Buy oat milk').click();

  await row(page, 'passport')
    .getByRole('button', { name: /^Delete/ })
    .click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await row(page, 'passport').count(), 1);
  await row(page, 'passport')
    .getByRole('button', { name: /^Delete/ })
    .click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await shows(page, ['Call Grace', 'Buy oat milk']);

  const expected = [
    { title: 'Call Grace', description: null, completed: true },
    { title: 'Buy oat milk', description: null, completed: false },
  ];
  const plain = async () =>
    (await tasksOf(site.direct, me)).map(({ title, description, completed }) => ({ title, description, completed }));
  await eventually(async () => JSON.stringify(await plain()) === JSON.stringify(expected), 'the server has it all');
  await page.reload();
  await shows(page, ['Call Grace', 'Buy oat milk']);
  assert.ok(await box(page, 'Call Grace').isChecked());
  assert.ok(!(await box(page, 'Buy oat milk').isChecked()));
  await page.getByRole('status').filter({ hasText: '2 tasks' }).waitFor();
});

test('filter and search are kept over a reload', async () => {
  const { page } = await signedUp();
  await add(page, 'Buy milk', 'at the CORNER shop');
  await add(page, 'Call the corner shop');
  await add(page, '100 % sure');
  await box(page, 'Call the corner shop').click();

  await page.getByRole('radio', { name: 'Open' }).click();
  await shows(page, ['100 % sure', 'Buy milk']);
  await page.getByRole('radio', { name: 'Done' }).click();
  await shows(page, ['Call the corner shop']);
  await box(page, 'Call the corner shop').click();
  await page.getByText('Nothing is done yet').waitFor();
  await page.getByRole('button', { name: 'Show all tasks' }).click();
  await shows(page, ['100 % sure', 'Call the corner shop', 'Buy milk']);

  await page.getByLabel('Search tasks').fill('corner');
  await shows(page, ['Call the corner shop', 'Buy milk']);
  await page.getByRole('status').filter({ hasText: '2 tasks' }).waitFor();
  await page.reload();
  await shows(page, ['Call the corner shop', 'Buy milk']);
  assert.equal(await page.getByLabel('Search tasks').inputValue(), 'corner');
  await page.getByLabel('Search tasks').fill('0 %');
  await shows(page, ['100 % sure']);
  await page.getByLabel('Search tasks').fill('"><script>');
  await page.getByText('Nothing matches “"><script>”.').waitFor();
  await page.getByRole('button', { name: 'Clear search' }).click();
  await shows(page, ['100 % sure', 'Call the corner shop', 'Buy milk']);
});

test('a long list is loaded page by page', async () => {
  const { context, page } = await signedUp();
  const { token, sub } = await tokenOf(context);
  for (let number = 1; number <= 120; number += 1) {
    const answer = await fetch(`${site.direct}/api/${sub}/tasks`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ title: `Task ${number}` }),
    });
    assert.equal(answer.status, 201);
  }
  const all = Array.from({ length: 120 }, (_, index) => `Task ${120 - index}`);
  await page.reload();
  await shows(page, all.slice(0, 50));
  await page.getByRole('status').filter({ hasText: '120 tasks' }).waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await shows(page, all.slice(0, 100));
  // No task is missing or repeated at the border of two pages, also after the list became shorter and longer.
  await row(page, 'Task 119')
    .getByRole('button', { name: /^Delete/ })
    .click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await add(page, 'Task 121');
  await page.getByRole('button', { name: 'Show more' }).click();
  await shows(page, ['Task 121', ...all.filter((title) => title !== 'Task 119')]);
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
});

test('changes are displayed before the server has them, and undone when it refuses them', async () => {
  const { context, page } = await signedUp();
  const me = await tokenOf(context);
  await add(page, 'Buy milk');
  await add(page, 'Call Grace');

  const open = site.gate.hold();
  await box(page, 'Buy milk').click();
  await page.getByRole('form', { name: 'New task' }).getByLabel('Title').fill('Think');
  await page.keyboard.press('Enter');
  await row(page, 'Call Grace')
    .getByRole('button', { name: /^Delete/ })
    .click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await shows(page, ['Think', 'Buy milk']);
  assert.ok(await box(page, 'Buy milk').isChecked());
  await row(page, 'Think').getByText('Saving…').waitFor();
  const before = await tasksOf(site.direct, me);
  assert.deepEqual(
    before.map(({ title, completed }) => [title, completed]),
    [
      ['Call Grace', false],
      ['Buy milk', false],
    ],
  );
  open();
  await page.locator('li[aria-busy=false]').filter({ hasText: 'Think' }).waitFor();
  await eventually(
    async () => JSON.stringify((await tasksOf(site.direct, me)).map((task) => task.title)) === '["Think","Buy milk"]',
    'the server has it all',
  );

  // The server is down: each change is undone, and the user sees an error.
  await site.stopTaskbridge();
  await box(page, 'Think').click();
  await page.getByText('“Think” was not changed').waitFor();
  assert.ok(!(await box(page, 'Think').isChecked()));
  await row(page, 'Buy milk')
    .getByRole('button', { name: /^Delete/ })
    .click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByText('“Buy milk” was not deleted').waitFor();
  const form = page.getByRole('form', { name: 'New task' });
  await form.getByLabel('Title').fill('Lost?');
  await form.getByLabel('Description').fill('No.');
  await form.getByRole('button', { name: 'Add task' }).click();
  await page.getByText('“Lost?” was not added').waitFor();
  await shows(page, ['Think', 'Buy milk']);
  assert.equal(await form.getByLabel('Title').inputValue(), 'Lost?', 'what was typed comes back');
  assert.equal(await form.getByLabel('Description').inputValue(), 'No.');

  await site.startTaskbridge();
  await page.getByText('You see what was there last.').waitFor({ state: 'hidden' });
  await form.getByRole('button', { name: 'Add task' }).click();
  await page.locator('li[aria-busy=false]').filter({ hasText: 'Lost?' }).waitFor();
  await shows(page, ['Lost?', 'Think', 'Buy milk']);
});

test('a task that another device deleted is reported and removed', async () => {
  const { context, page } = await signedUp();
  await add(page, 'Buy milk');
  const me = await tokenOf(context);
  const [task] = await tasksOf(site.direct, me);
  const headers = { Authorization: `Bearer ${me.token}` };
  await fetch(`${site.direct}/api/${me.sub}/tasks/${task?.id}`, { method: 'DELETE', headers });
  await box(page, 'Buy milk').click();
  await page.getByText('Task not found').waitFor();
  await page.getByText('No tasks yet').waitFor();
});

test('two users at the same time never see each other’s tasks', async () => {
  const [ada, grace] = await Promise.all([signedUp('Ada'), signedUp('Grace')]);
  await Promise.all([add(ada.page, 'Of Ada'), add(grace.page, 'Of Grace')]);
  await Promise.all([ada.page.reload(), grace.page.reload()]);
  await Promise.all([shows(ada.page, ['Of Ada']), shows(grace.page, ['Of Grace'])]);

  const [one, two] = await Promise.all([tokenOf(ada.context), tokenOf(grace.context)]);
  assert.notEqual(one.sub, two.sub);
  const [task] = await tasksOf(site.direct, one);
  const answers = [];
  for (const [method, path] of [
    ['GET', `/api/${one.sub}/tasks`],
    ['DELETE', `/api/${one.sub}/tasks/${task?.id}`],
    ['GET', `/api/${two.sub}/tasks/${task?.id}`],
    ['DELETE', `/api/${two.sub}/tasks/${task?.id}`],
  ]) {
    const headers = { Authorization: `Bearer ${two.token}` };
    answers.push((await fetch(`${site.origin}${path}`, { method: method ?? '', headers })).status);
  }
  assert.deepEqual(answers, [403, 403, 404, 404]);
  // The cookie alone does not give access.
  assert.equal((await ada.context.request.get(`/api/${one.sub}/tasks`)).status(), 401);

  // On the same device, one after the other.
  await ada.context.clearCookies();
  await signUp(ada.page, somebody('Mary'));
  await ada.page.getByText('No tasks yet').waitFor();
  assert.deepEqual(
    (await tasksOf(site.direct, one)).map(({ title }) => title),
    ['Of Ada'],
  );
});

test('every call that Taskbridge answered had the token of the path’s user and no cookie', () => {
  const seen = site.gate.seen.filter(isForTasks);
  const answered = seen.filter(({ status }) => status && status < 300);
  assert.ok(answered.length > 50);
  for (const { method, url, headers } of answered) {
    const claims = headers.authorization?.match(/^Bearer [^.]+\.([^.]+)\.[^.]+$/)?.[1] ?? '';
    const { sub } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    assert.equal(url.split('/')[2], sub, `${method} ${url}`);
  }
  assert.deepEqual(
    seen.filter(({ headers }) => headers.cookie !== undefined),
    [],
  );
});

test('the scripts that browsers load contain no server code', () => {
  const files = readdirSync('.next/static', { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(js|css)$/.test(name),
  );
  assert.ok(files.length > 5);
  for (const name of files) {
    assert.doesNotMatch(
      readFileSync(`.next/static/${name}`, 'utf8'),
      /TASKBRIDGE_URL|AUTH_SERVER|AUTH_DATABASE|libsql/,
      name,
    );
  }
});
