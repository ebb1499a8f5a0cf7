import { freshCode } from './factor';
import { accessible, expect, settled, test } from './fixtures';

const password = ['tern', 'quarry', 'mallow', 'sixteen'].join(' ');

test.describe('somebody who is not signed in', () => {
  test.use({ storageState: { cookies: [], origins: [] } });
  test.setTimeout(150_000);

  test('signs in with password and code, and comes back to where they wanted to be', async ({ page, watch }) => {
    watch.allow(/401/);
    await page.goto('/findings?severity=critical');
    await expect(page).toHaveURL(/\/sign-in\?to=/);
    await accessible(page, 'sign-in');
    await page.getByLabel('Login').focus();
    await page.getByLabel('Password', { exact: true }).focus();
    await expect(page.getByText('Write the login')).toBeVisible();
    await page.getByLabel('Login').fill('ana@example.com');
    await page.getByLabel('Password', { exact: true }).fill('not the password at all');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page.getByRole('alert')).toContainText('That did not match');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('textbox', { name: /code/i }).fill(await freshCode(page));
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect(page).toHaveURL(/\/findings\?severity=critical/);
    await settled(page);
  });

  test('signs in with a passkey that they made', async ({ page, context, watch }) => {
    watch.allow(/40[13]/);
    const cdp = await context.newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
    });
    await page.goto('/sign-in');
    await page.getByLabel('Login').fill('ana@example.com');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('textbox', { name: /code/i }).fill(await freshCode(page));
    await page.getByRole('button', { name: 'Go on' }).click();
    await settled(page);
    await page.goto('/settings/you');
    await settled(page);
    await page.getByRole('button', { name: 'Add passkey' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name of the passkey').fill('test key');
    await dialog.getByRole('button', { name: 'Add passkey' }).click();
    await expect(page.getByText('test key')).toBeVisible();
    await page.context().clearCookies();
    await page.goto('/sign-in');
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await expect(page.locator('[data-page-title]')).toBeVisible();
    // Taken away again, so that the other tests find one way in.
    await page.goto('/settings/you');
    await settled(page);
    await page.getByRole('button', { name: 'Remove test key' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove passkey test key' }).click();
    await expect(page.getByText('Removed.')).toBeVisible();
  });

  test('is told that a used link no longer works, and the link does not stay in the address', async ({ page, watch }) => {
    watch.allow(/401/);
    await page.goto('/sign-in#never-was-a-token');
    await expect(page.getByText('The link no longer works')).toBeVisible();
    expect(page.url()).not.toContain('#');
  });

  test('cannot be led to another site after signing in', async ({ page }) => {
    await page.goto('/sign-in?to=//evil.example/');
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  });
});

test('what is on the screen stays when the session ends', async ({ page, context, watch }) => {
  watch.allow(/401/);
  await page.goto('/rules');
  await settled(page);
  const kept = await context.cookies();
  await context.clearCookies();
  await page.getByRole('link', { name: 'Third party can become an administrator' }).first().click();
  await expect(page.getByRole('dialog', { name: 'Your session has ended' })).toBeVisible();
  await accessible(page, 'session ended');
  await context.addCookies(kept);
});
