// @ts-check
// Sign-up, sign-in, redirects, and the appearance of the pages.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { add, box, eventually, look, row, shows, signIn, signOut, signUp, somebody, start } from './support.mjs';

/** @type {Awaited<ReturnType<typeof start>>} */
let site;
before(async () => {
  site = await start();
});

test('sign-up explains invalid input, and leads to the dashboard', async () => {
  const page = await (await site.visitor()).newPage();
  const ada = somebody('Ada');
  await page.goto('/signup');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByText('Please enter your name.').waitFor();
  await page.getByText('Please enter an e-mail address').waitFor();
  await page.getByText('Please enter a password.').waitFor();
  const name = page.getByLabel('Name');
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  assert.ok(await name.evaluate((input) => input === document.activeElement), 'the first wrong field has the focus');

  await name.fill(ada.name);
  await page.getByLabel('E-mail').fill('ada@nowhere');
  await page.getByLabel('Password', { exact: true }).fill('short');
  await page.keyboard.press('Enter');
  await page.getByText('The password needs at least 8 characters.').waitFor();
  assert.equal(await page.getByLabel('E-mail').inputValue(), 'ada@nowhere', 'what was typed is still there');
  assert.equal(await page.getByText('Please enter your name.').count(), 0);

  await page.getByLabel('E-mail').fill(ada.email);
  await page.getByLabel('Password', { exact: true }).fill(ada.password);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/dashboard');
  await page.getByText('No tasks yet').waitFor();
});

test('an address in use, a wrong password and too many attempts are explained', async () => {
  const context = await site.visitor();
  const page = await context.newPage();
  const grace = somebody('Grace');
  await signUp(page, grace);
  await signOut(page);

  await page.goto('/signup');
  await page.getByLabel('Name').fill('Somebody else');
  await page.getByLabel('E-mail').fill(grace.email);
  await page.getByLabel('Password', { exact: true }).fill('another password');
  await page.keyboard.press('Enter');
  await page.getByText('There is an account with this e-mail address.').waitFor();

  await page.goto('/signin');
  await page.getByLabel('E-mail').fill(grace.email);
  await page.getByLabel('Password', { exact: true }).fill('wrong');
  const press = () => page.getByRole('button', { name: 'Sign in' }).click();
  await press();
  await page.getByRole('alert').filter({ hasText: 'E-mail or password is wrong.' }).waitFor();
  const refused = page.getByText('Too many tries.');
  await eventually(async () => {
    await press();
    await page.getByRole('button', { name: 'Sign in', disabled: false }).waitFor();
    return (await refused.count()) > 0;
  }, 'the tries are too many');
});

test('signed-out users are redirected to sign-in, and signed-in users from the auth pages to the dashboard', async () => {
  const context = await site.visitor();
  for (const path of ['/', '/dashboard', '/dashboard?status=pending']) {
    const answer = await context.request.get(path, { maxRedirects: 0 });
    assert.equal(answer.status(), 307, `${path} is refused by the server`);
    const page = await context.newPage();
    await page.goto(path);
    await page.waitForURL('**/signin');
    await page.close();
  }
  // A forged session cookie gives access to nothing.
  await context.addCookies([{ name: 'better-auth.session_token', value: 'forged.forged', url: site.origin }]);
  assert.equal((await context.request.get('/dashboard', { maxRedirects: 0 })).status(), 307);

  const page = await context.newPage();
  const ada = somebody('Ada');
  await signUp(page, ada);
  for (const path of ['/signin', '/signup', '/']) {
    assert.equal(
      (await context.request.get(path, { maxRedirects: 0 })).status(),
      307,
      `${path} is refused by the server`,
    );
    await page.goto(path);
    await page.waitForURL('**/dashboard');
  }
  await page.getByRole('banner').getByText(ada.name, { exact: true }).waitFor();
  await page.getByRole('banner').getByText(ada.email, { exact: true }).waitFor();

  await signOut(page);
  await signIn(page, ada);
});

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  for (const width of [390, 1280]) {
    test(`every page and state is accessible and fits the screen: ${colorScheme}, ${width} px`, async () => {
      const context = await site.visitor({ colorScheme, viewport: { width, height: width < 500 ? 844 : 800 } });
      const page = await context.newPage();
      const seen = (/** @type {string} */ name) => look(page, `${name}-${colorScheme}-${width}`);
      await page.goto('/signin?expired');
      await page.getByText('Your session has expired').waitFor();
      await seen('signin');
      await page.goto('/signup');
      await page.getByRole('button', { name: 'Sign up' }).click();
      await page.getByText('Please enter your name.').waitFor();
      await seen('signup');
      await page.goto('/nowhere');
      await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
      await seen('not-found');

      await signUp(page, somebody('Ada Lovelace'));
      await page.getByText('No tasks yet').waitFor();
      await seen('empty');
      await add(page, 'Book the train to Göteborg', 'The 08:12, a seat by the window.\nBring the bicycle.');
      await add(page, 'Renew the passport');
      await add(page, 'Call Grace about the compiler', 'She is in the office until five.');
      await add(page, `A long title, to see what a narrow screen makes of it: ${'very'.repeat(20)}`);
      await add(page, 'Buy milk', '2 litres');
      await box(page, 'Buy milk').click();
      await box(page, 'Renew the passport').click();
      await page.locator('[data-state=checked]').nth(1).waitFor();
      await seen('tasks');

      await row(page, 'Göteborg').getByRole('button', { name: /^Edit/ }).click();
      await page.getByRole('dialog', { name: 'Edit task' }).waitFor();
      await seen('edit');
      await page.keyboard.press('Escape');
      await row(page, 'Grace')
        .getByRole('button', { name: /^Delete/ })
        .click();
      await page.getByRole('alertdialog', { name: 'Delete this task?' }).waitFor();
      await seen('delete');
      await page.keyboard.press('Escape');
      await page.getByRole('banner').getByRole('button').click();
      await page.getByRole('menu').waitFor();
      await seen('menu');
      await page.keyboard.press('Escape');

      await page.getByLabel('Search tasks').fill('nothing like it');
      await page.getByText('No task found').waitFor();
      await seen('nothing-found');
      await page.getByRole('button', { name: 'Show all tasks' }).click();
      await row(page, 'Buy milk').waitFor();

      const open = site.gate.hold();
      await page.reload();
      await page.getByRole('status').filter({ hasText: 'Loading your tasks' }).waitFor();
      await seen('loading');
      open();
      await row(page, 'Buy milk').waitFor();

      await page.route('**/tasks**', (route) => route.abort());
      await box(page, 'Buy milk').click();
      await page.getByText('“Buy milk” was not changed').waitFor();
      await page.getByText('You see what was there last.').waitFor();
      await seen('unreachable');
      await page.reload();
      await page.getByText('Your tasks could not be loaded').waitFor();
      await seen('not-loaded');
    });
  }
}

test('the chosen theme is kept, and applied from the first byte', async () => {
  const context = await site.visitor({ colorScheme: 'light' });
  const page = await context.newPage();
  await signUp(page, somebody('Ada'));
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole('banner').getByRole('button').click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await eventually(async () => (await background()) !== light, 'the page is dark');
  const dark = await background();
  await page.reload();
  assert.equal(await background(), dark);
  assert.match(await (await context.request.get('/dashboard')).text(), /<html[^>]* data-theme="dark"/);
  await page.getByRole('banner').getByRole('button').click();
  await page.getByRole('menuitemradio', { name: 'As the system' }).click();
  await eventually(async () => (await background()) === light, 'the page is as the system again');
});

test('everything can be done with the keyboard', async () => {
  const page = await (await site.visitor()).newPage();
  const { name, email, password } = somebody('Ada');
  const keys = page.keyboard;
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
    );
  /** @param {string | RegExp} label */
  async function tabTo(label) {
    for (let presses = 0; presses < 40; presses += 1) {
      await keys.press('Tab');
      const text = await focused();
      if (typeof label === 'string' ? text === label : label.test(text)) return;
    }
    assert.fail(`no way to ${label} by keyboard`);
  }
  await page.goto('/signup');
  await keys.press('Tab');
  await keys.type(name);
  await keys.press('Tab');
  await keys.type(email);
  await keys.press('Tab');
  await keys.type(password);
  await keys.press('Enter');
  await page.waitForURL('**/dashboard');
  await page.getByText('No tasks yet').waitFor();

  await page.evaluate(() => /** @type {HTMLElement | null} */ (document.activeElement)?.blur());
  await tabTo('Title');
  for (const title of ['One', 'Two', 'Three']) {
    await keys.type(title);
    await keys.press('Enter');
    await page.locator('li[aria-busy=false]').filter({ hasText: title }).waitFor();
    assert.equal(await focused(), 'Title', 'the next one can be typed at once');
  }
  await shows(page, ['Three', 'Two', 'One']);

  await page.getByRole('radio', { name: 'All' }).focus();
  await keys.press('ArrowRight');
  await page.getByRole('radio', { name: 'Open', checked: true }).waitFor();
  await page.waitForURL('**/dashboard?status=pending');
  await box(page, 'Three').focus();
  await keys.press('Space');
  await shows(page, ['Two', 'One']);
  const boxOf = (/** @type {string} */ title) => box(page, title).evaluate((node) => node === document.activeElement);
  assert.ok(await boxOf('Two'), 'the keyboard goes on with the next one');

  await tabTo('Edit “Two”');
  await keys.press('Enter');
  await page.getByRole('dialog', { name: 'Edit task' }).waitFor();
  await keys.press('Escape');
  await eventually(async () => (await focused()) === 'Edit “Two”', 'the focus is back where it was');
  await keys.press('Tab');
  await keys.press('Enter');
  await page.getByRole('alertdialog').waitFor();
  await eventually(async () => (await focused()) === 'Cancel', 'the harmless answer comes first');
  await keys.press('Tab');
  await keys.press('Enter');
  await shows(page, ['One']);
  await eventually(() => boxOf('One'), 'the keyboard goes on with the next one');
  await keys.press('Space');
  await page.getByText('Nothing is open').waitFor();
  await eventually(async () => (await focused()) === '0 tasks', 'the focus tells how many there are');

  await page.getByRole('banner').getByRole('button').focus();
  await keys.press('Enter');
  await eventually(async () => (await focused()) === 'As the system', 'the menu has the focus');
  await keys.press('End');
  await eventually(async () => (await focused()) === 'Sign out', 'the last of the menu has it');
  await keys.press('Enter');
  await page.waitForURL('**/signin');
});
