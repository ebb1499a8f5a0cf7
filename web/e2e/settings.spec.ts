import { accessible, expect, giveFactor, settled, test } from './fixtures';

// What is changed here is sensitive: ten minutes after signing in the second factor is asked for again.
test.describe.configure({ timeout: 150_000 });
test.use({ actionTimeout: 60_000 });
test.beforeEach(async ({ page, watch, here }) => {
  watch.allow(/403/);
  await giveFactor(page, here);
});

test('a token is made, shown once, and revoked by its name', async ({ page }) => {
  await page.goto('/settings/tokens');
  await settled(page);
  await page.getByRole('button', { name: 'Create token' }).first().click();
  const dialog = page.getByRole('dialog');
  await accessible(page, 'token form');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await expect(dialog.getByText('Name the program that will use it')).toBeVisible();
  await dialog.getByLabel('Name', { exact: true }).fill('nightly-export');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await expect(page.getByText('Copy this token now.')).toBeVisible({ timeout: 60_000 });
  await accessible(page, 'token shown once');
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await expect(page.getByText('nightly-export')).toBeVisible();
  await page.getByRole('button', { name: 'Revoke nightly-export' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke nightly-export' }).click();
  await expect(page.getByText('nightly-export is revoked.')).toBeVisible();
});

test('somebody is invited with a role on a part of the inventory, and the invitation is withdrawn', async ({ page }) => {
  await page.goto('/settings/people');
  await settled(page);
  await page.getByRole('button', { name: 'Invite somebody' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('E-mail address').fill('bo@example.com');
  await dialog.getByLabel('Name', { exact: true }).fill('Bo Larsen');
  await dialog.getByLabel('A part of it').check();
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await expect(dialog.getByText('Name at least one part')).toBeVisible();
  await dialog.getByLabel('Teams').fill('@payments');
  await page.keyboard.press('Enter');
  await accessible(page, 'invitation');
  await dialog.getByRole('button', { name: 'Make the link' }).click();
  await expect(page.getByText('Copy this link now.')).toBeVisible({ timeout: 60_000 });
  await expect(page.getByLabel('link', { exact: true })).toContainText('/invitation#');
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await expect(page.getByText('on team @payments')).toBeVisible();
  await page.getByRole('button', { name: /^Withdraw the invitation of/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: /^Withdraw the invitation of/ }).click();
  await expect(page.getByText('The link no longer works.')).toBeVisible();
});

test('a channel is made from what the server says of its kind, and is honest when it does not work', async ({ page }) => {
  await page.goto('/settings/channels');
  await settled(page);
  await page.getByRole('button', { name: 'Add channel' }).first().click();
  await accessible(page, 'channel kinds');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: /webhook/i }).first().click();
  await dialog.getByLabel('Name', { exact: true }).fill('hook of the tests');
  await dialog.getByRole('button', { name: 'Add channel' }).click();
  await expect(dialog.locator('[aria-invalid="true"]').first()).toBeVisible();
  await accessible(page, 'channel form');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
});

test('ownership rules say what they settle before they hold', async ({ page }) => {
  await page.goto('/owners/rules');
  await settled(page);
  await page.getByRole('button', { name: /Add (the first )?rule/ }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Owner', { exact: false }).first().fill('@platform');
  await dialog.getByLabel('Namespaces').fill('*');
  await page.keyboard.press('Enter');
  await accessible(page, 'ownership rule');
  await dialog.getByRole('button', { name: 'Keep in the draft' }).click();
  await expect(page.getByText(/settles\s+[1-9]/).first()).toBeVisible();
  await expect(page.getByText(/changes the owner of/)).toBeVisible();
  await page.getByRole('button', { name: 'Discard changes' }).click();
  await expect(page.getByRole('button', { name: 'Put in force' })).toBeDisabled();
});

test('an identity of the queue is given an owner, and that is taken back', async ({ page }) => {
  await page.goto('/owners/queue');
  await settled(page);
  await expect(page.locator('tbody tr').first()).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await accessible(page, 'suggestions');
  const somebody = page.getByRole('dialog').getByRole('button', { name: /^Assign / }).first();
  await somebody.click();
  const sheet = page.getByRole('dialog').last();
  await sheet.getByLabel('Owner').first().fill('@platform');
  await expect(sheet.getByText('1 identity will change.')).toBeVisible();
  await sheet.getByRole('button', { name: /^Assign / }).click();
  await expect(page.getByText(/answers for 1 identity/)).toBeVisible();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('Taken back.', { exact: true })).toBeVisible();
});

test('a source is added from the form of its kind, and removed by typing its name', async ({ page }) => {
  await page.goto('/sources');
  await settled(page);
  await page.getByRole('button', { name: 'Add source' }).click();
  await page.getByLabel('Look for a system').fill('kubernetes');
  await page.getByRole('button', { name: /^Kubernetes/ }).first().click();
  await settled(page);
  await page.getByLabel('Name', { exact: true }).fill('cluster of the tests!');
  await page.getByLabel('Name', { exact: true }).blur();
  await expect(page.getByText('Use letters, digits, dots')).toBeVisible();
  await page.getByLabel('Name', { exact: true }).fill('cluster-of-the-tests');
  await page.getByLabel('What to scan').fill('in-cluster');
  await accessible(page, 'source form');
  await page.getByRole('button', { name: 'Add source' }).click();
  await expect(page).toHaveURL(/\/sources\/cluster-of-the-tests/, { timeout: 60_000 });
  await settled(page);
  await page.mouse.move(0, 0); // off what now lies where the button was
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  await accessible(page, 'source');
  await page.getByRole('button', { name: 'Remove cluster-of-the-tests…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('button', { name: 'Remove cluster-of-the-tests' })).toBeDisabled();
  await dialog.getByLabel(/^Type/).fill('cluster-of-the-tests');
  await dialog.getByRole('button', { name: 'Remove cluster-of-the-tests' }).click();
  await expect(page).toHaveURL(/\/sources$/);
});

test('the sealing key is replaced, and the old one dropped', async ({ page }) => {
  await page.goto('/settings/sealing');
  await settled(page);
  await accessible(page, 'sealing key');
  await page.getByRole('button', { name: 'Make a new key' }).click();
  await expect(page.getByText(/^Done: /)).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('cell', { name: 'current', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Drop old keys' }).click();
  await expect(page.getByText('Old keys are dropped.')).toBeVisible();
  await expect(page.getByText('old: opens what was sealed before')).toHaveCount(0);
});

test('a third party opens and shows how it gets in', async ({ page }) => {
  await page.goto('/third-parties?show=external');
  await settled(page);
  const first = page.locator('main button[aria-expanded]').first();
  await first.click();
  await expect(page.getByText('no external id').first()).toBeVisible();
  await accessible(page, 'third party');
});
