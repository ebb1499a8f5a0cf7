import { accessible, expect, giveFactor, picture, settled, test } from './fixtures';
import { nobody } from './installation';
import { Authenticator } from './totp';

test('somebody is invited, accepts, sets up a second factor, and may do what the role says', async ({ page, browser, here, watch }) => {
  watch.allow(/403/);
  await giveFactor(page, here);
  await page.goto('/settings/people');
  await settled(page);
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  const form = page.getByRole('dialog');
  await form.getByLabel('E-mail address').fill('cy@example.com');
  await form.getByLabel('Name', { exact: true }).fill('Cy Young');
  await form.getByRole('button', { name: 'Make the link' }).click();
  const link = (await page.getByLabel('link', { exact: true }).innerText()).trim();
  await page.getByRole('button', { name: 'I have kept it' }).click();

  const context = await browser.newContext({ storageState: nobody, baseURL: here.url, locale: 'en-GB', reducedMotion: 'reduce' });
  const guest = await context.newPage();
  await guest.goto(link);
  await expect(guest.getByRole('heading', { name: 'Welcome' })).toBeVisible();
  expect(guest.url()).not.toContain('#');
  await accessible(guest, 'invitation');
  await picture(guest, 'invitation');
  await guest.getByRole('textbox', { name: 'Password' }).fill('short');
  await guest.getByRole('button', { name: 'Go on' }).click();
  await expect(guest.getByText('Use at least 12 characters')).toBeVisible();
  await guest.getByLabel('Your name').fill('Cy Young');
  await guest.getByRole('textbox', { name: 'Password' }).fill(['plover', 'anvil', 'saffron', 'nine'].join(' '));
  await guest.getByRole('button', { name: 'Go on' }).click();
  await settled(guest);
  await guest.goto('/settings/you');
  await settled(guest);
  await expect(guest.getByRole('region', { name: 'Who you are' })).toContainText('viewer');
  // On this machine alone the second factor may wait. It is set up here.
  await guest.getByRole('button', { name: 'Set up an authenticator app' }).click();
  await guest.getByRole('dialog').getByRole('button', { name: 'Set up an authenticator app' }).click();
  const app = new Authenticator();
  app.secret = (await guest.locator('code.mono').first().innerText()).replace(/\s/g, '');
  await accessible(guest, 'authenticator app');
  await guest.getByRole('textbox', { name: /code/i }).fill(await app.code());
  await guest.getByRole('button', { name: 'Confirm' }).click();
  await guest.getByRole('button', { name: 'I have kept them' }).click();
  await expect(guest.getByRole('button', { name: 'Remove authenticator app' })).toBeVisible();
  await guest.goto('/settings/people');
  await expect(guest.getByRole('button', { name: 'Invite somebody' })).toHaveCount(0);
  await guest.goto('/findings');
  await settled(guest);
  await guest.locator('tbody tr a').first().click();
  await settled(guest);
  await expect(guest.getByRole('button', { name: 'Acknowledge' })).toHaveCount(0);

  // The link worked once.
  await context.clearCookies();
  await guest.goto(link);
  await guest.getByRole('textbox', { name: 'Password' }).fill(['plover', 'anvil', 'saffron', 'ten'].join(' '));
  await guest.getByRole('button', { name: 'Go on' }).click();
  await expect(guest.getByRole('alert')).toBeVisible();
  await picture(guest, 'invitation-used');
  await context.close();
  await page.reload();
  await settled(page);
  await expect(page.getByText('cy@example.com')).toBeVisible();
});
