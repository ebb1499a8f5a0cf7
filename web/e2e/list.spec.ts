import { expect, settled, test } from './fixtures';

test.beforeEach(async ({ page }) => {
  await page.goto('/identities');
  await settled(page);
});

test('a list is walked, chosen from and opened with the keyboard alone', async ({ page }) => {
  const rows = page.locator('tbody tr');
  await page.keyboard.press('j');
  await expect(rows.nth(0)).toBeFocused();
  await page.keyboard.press('j');
  await expect(rows.nth(1)).toBeFocused();
  await page.keyboard.press('x');
  await expect(page.getByText('1 identity')).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('X');
  await expect(page.getByText('2 identities', { exact: true })).toBeVisible();
  await page.keyboard.press('k');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/identities\/[a-z]+_/);
  await page.goBack();
  await expect(rows.first()).toBeVisible();
});

test('filters, sort and columns stand in the address', async ({ page }) => {
  await page.getByRole('button', { name: 'filter', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Owner' }).click();
  await page.getByRole('checkbox', { name: 'nobody' }).check();
  await expect(page).toHaveURL(/owner=none/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Priority' }).click();
  await expect(page).toHaveURL(/sort=-priority/);
  await expect(page.getByRole('columnheader', { name: 'Priority' })).toHaveAttribute('aria-sort', 'descending');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'First seen' }).check();
  await expect(page).toHaveURL(/cols=/);
  await page.keyboard.press('Escape');
  await page.reload();
  await settled(page);
  await expect(page.getByRole('columnheader', { name: 'First seen' })).toBeVisible();
  await expect(page.getByText('Owner: nobody')).toBeVisible();
  for (const cell of await page.locator('tbody tr td:nth-child(5)').allInnerTexts()) expect(cell).toBe('nobody');
});

test('the search narrows the list, and says so when nothing matches', async ({ page }) => {
  await page.keyboard.press('/');
  await page.keyboard.type('no such thing anywhere');
  await expect(page.getByText('No identity matches.')).toBeVisible();
  await expect(page).toHaveURL(/text=no\+such/);
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await expect(page.locator('tbody tr').first()).toBeVisible();
});

test('pages are turned and turned back', async ({ page }) => {
  const first = await page.locator('tbody tr').first().innerText();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page).toHaveURL(/cursor=/);
  await expect(page.locator('tbody tr').first()).not.toHaveText(first);
  await page.getByRole('button', { name: 'Back' }).click();
  await expect(page).not.toHaveURL(/cursor=/);
  expect(await page.locator('tbody tr').first().innerText()).toBe(first);
});

test('an owner is assigned to several after seeing what changes, and taken back', async ({ page }) => {
  await page.goto('/identities?owner=none');
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.getByRole('button', { name: 'Assign owner' }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: 'Owner' }).fill('ana@example.com');
  await page.getByRole('button', { name: 'See what changes' }).click();
  await expect(page.getByText(/will answer for 2 identities/)).toBeVisible();
  await page.getByRole('button', { name: 'Assign to 2 identities' }).click();
  await expect(page.getByText(/now answers for 2 identities/)).toBeVisible();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Taken back.')).toBeVisible();
});

test('the palette finds pages and identities', async ({ page }) => {
  const name = (await page.locator('tbody tr a').first().innerText()).trim();
  await page.keyboard.press('Control+k');
  await page.keyboard.type(name.slice(0, 6));
  await expect(page.getByRole('option').first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('the console switches to a past date and back', async ({ page }) => {
  await page.keyboard.press('t');
  await page.getByRole('button', { name: 'Yesterday' }).click();
  await expect(page).toHaveURL(/as_of=/);
  await expect(page.getByText('Nothing can be changed here.')).toBeVisible();
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(page).toHaveURL(/as_of=/);
  await page.getByRole('button', { name: 'Back to now' }).click();
  await expect(page).not.toHaveURL(/as_of=/);
});
