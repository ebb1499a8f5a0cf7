import { accessible, expect, fits, picture, settled, test } from './fixtures';

test('the idle threshold is previewed before it is set', async ({ page }) => {
  await page.goto('/settings/idle');
  await settled(page);
  await page.getByLabel('Days without use').fill('30');
  await page.getByRole('button', { name: 'Show what changes' }).click();
  await expect(page.getByText(/would become idle and .* would cease to be/)).toBeVisible();
  await fits(page);
  await accessible(page, 'idle threshold');
  await picture(page, 'settings-idle');
});

test('a group is shown with its members, and given a role', async ({ page, request }) => {
  await page.goto('/settings/people');
  await settled(page);
  const made = await request.post('/api/v1/account-groups', {
    data: { name: 'Platform engineering' },
    headers: { Origin: new URL(page.url()).origin },
  });
  expect(made.ok(), await made.text()).toBeTruthy();
  await page.reload();
  await settled(page);
  await page.getByRole('button', { name: 'Members and roles of Platform engineering' }).click();
  await expect(page.getByText('Nobody is in it.')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Give Platform engineering this role' })).toBeVisible();
  await accessible(page, 'members and roles of a group');
});
