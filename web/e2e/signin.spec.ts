import { accessible, expect, settled, test } from './fixtures';
import { password } from './installation';

test.describe('somebody who is not signed in', () => {
  test.use({ signedIn: false });

  test('signs in with password and code, and comes back to where they wanted to be', async ({ page, here, watch }) => {
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
    await page.getByRole('textbox', { name: /code/i }).fill(await here.app.code());
    await page.getByRole('button', { name: 'Go on' }).click();
    await expect(page).toHaveURL(/\/findings\?severity=critical/);
    await settled(page);
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
