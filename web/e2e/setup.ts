import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { accessible, expect, picture, test } from './fixtures';
import { results } from './start';
import { totp } from './totp';

test('the first account is made with the printed link, and an authenticator app', async ({ page }) => {
  await page.goto(process.env['RETINUE_LINK'] ?? '');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  expect(page.url()).not.toMatch(/#./); // the token does not stay in the address
  await accessible(page, 'set-up');
  await picture(page, 'set-up');
  await page.getByLabel('Your name').fill('Ana Ruiz');
  await page.getByLabel('Login').fill('ana@example.com');
  await page.getByLabel('Password', { exact: false }).first().fill(['tern', 'quarry', 'mallow', 'sixteen'].join(' '));
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  const secret = (await page.locator('code.mono').first().innerText()).replace(/\s/g, '');
  await accessible(page, 'second factor');
  await page.getByRole('textbox', { name: /code/i }).fill(totp(secret));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await expect(page.locator('[data-page-title]')).toBeVisible();
  await page.context().storageState({ path: join(results, 'session.json') });
  writeFileSync(join(results, 'factor.json'), JSON.stringify({ secret }), { mode: 0o600 });
});
