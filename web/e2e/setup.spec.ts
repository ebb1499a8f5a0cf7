import { accessible, expect, picture, test as base } from './fixtures';
import { Installation, password } from './installation';

// A server to which nobody came yet.
const test = base.extend<object, { here: Installation }>({
  here: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use, info) => {
      const here = await Installation.start();
      await use(here);
      await here.stop(`server-${info.workerIndex}-empty`);
    },
    { scope: 'worker' },
  ],
});

test('the first account is made with the printed link, and an authenticator app', async ({ page, here }) => {
  await page.goto(here.link);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  expect(page.url()).not.toMatch(/#./); // the token does not stay in the address
  await accessible(page, 'set-up');
  await picture(page, 'set-up');
  await page.getByLabel('Your name').fill('Ana Ruiz');
  await page.getByLabel('Login').fill('ana@example.com');
  await page.getByLabel('Password', { exact: false }).first().fill(password);
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  here.app.secret = (await page.locator('code.mono').first().innerText()).replace(/\s/g, '');
  await accessible(page, 'second factor');
  await page.getByRole('textbox', { name: /code/i }).fill(await here.app.code());
  await page.getByRole('button', { name: 'Confirm' }).click();
  await accessible(page, 'recovery codes');
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await expect(page.locator('[data-page-title]')).toBeVisible();
  await accessible(page, 'an empty inventory');
  await picture(page, 'empty');
});
