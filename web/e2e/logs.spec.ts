import { accessible, expect, fits, giveFactor, settled, test } from './fixtures';

const logsOf = 's3://log-bucket-of-the-tests/AWSLogs';

test('the logs of a source are named in its form, read now, paused and gone on with', async ({ page, here }) => {
  await giveFactor(page, here);
  await page.goto('/sources/new?kind=aws');
  await settled(page);
  await page.getByLabel('Name', { exact: true }).fill('trail-of-the-tests');
  await page.getByRole('button', { name: 'Add source' }).click();
  await expect(page.getByText(/^Say what to scan/)).toBeVisible();
  await page.getByLabel('Logs to read').fill(logsOf);
  await accessible(page, 'source form with logs');
  await page.getByRole('button', { name: 'Add source' }).click();
  await expect(page).toHaveURL(/\/sources\/trail-of-the-tests/, { timeout: 60_000 });
  await settled(page);
  await expect(page.getByText(/^every 5 minutes, last/)).toBeVisible();

  await page.getByRole('button', { name: 'Change', exact: true }).click();
  const form = page.getByRole('dialog');
  await expect(form.getByLabel('Logs to read')).toHaveValue(logsOf);
  await form.getByRole('combobox', { name: 'Read the logs' }).click();
  await page.getByRole('option', { name: 'Every hour' }).click();
  await form.getByRole('button', { name: 'Save trail-of-the-tests' }).click();
  await expect(form).toHaveCount(0);
  await expect(page.getByText(/^every hour, last/)).toBeVisible();

  await page.goto('/sources/logs');
  await settled(page);
  const row = page.getByRole('group', { name: 'Read by the server' }).locator('tbody tr', { hasText: 'trail-of-the-tests' });
  await row.getByRole('button', { name: 'Pause reading the logs of trail-of-the-tests' }).click();
  await expect(row).toContainText('paused by Ana Ruiz');
  await expect(row.getByRole('button', { name: /^Read the logs/ })).toHaveCount(0);
  await row.getByRole('button', { name: 'Go on reading the logs of trail-of-the-tests' }).click();
  await expect(row).not.toContainText('paused');
  // It cannot be reached from here: reading it fails, says so, and is tried again.
  await row.getByRole('button', { name: 'Read the logs of trail-of-the-tests now' }).click();
  await expect(row).toContainText(/failing|being read/, { timeout: 60_000 });
  await page.setViewportSize({ width: 390, height: 844 });
  await fits(page);
  await accessible(page, 'logs, narrow');
});

test('somebody gives their word that a log is whole, and takes it back', async ({ page }) => {
  await page.goto('/sources/logs');
  await settled(page);
  const log = page.getByRole('region', { name: /^github\.audit/ });
  await log.getByRole('button', { name: /^Say that github\.audit of .* is whole$/ }).click();
  const sheet = page.getByRole('dialog');
  await sheet.getByRole('button', { name: 'Give my word' }).click();
  await expect(sheet.getByText('Say how you know it')).toBeVisible();
  await sheet.getByLabel('How you know it').fill('the export was paged to its end');
  await accessible(page, 'giving a word');
  await sheet.getByRole('button', { name: 'Give my word' }).click();
  await expect(log).toContainText('Ana Ruiz said');
  await expect(log).toContainText('the export was paged to its end');
  await log.getByRole('button', { name: /^Take back the word of Ana Ruiz/ }).click();
  await page.getByRole('dialog').getByLabel('Why it does not hold').fill('a page was missing');
  await page.getByRole('dialog').getByRole('button', { name: 'Take it back' }).click();
  await expect(log).not.toContainText('Ana Ruiz said');
  await page.goto('/audit?action=activity.withdrawn');
  await settled(page);
  await expect(page.getByText('activity.withdrawn').first()).toBeVisible();
});

test('a stream of events says whether it is read, and is paused', async ({ page }) => {
  await page.goto('/sources/logs');
  await settled(page);
  const row = page.getByRole('group', { name: 'Streams' }).locator('tbody tr', { hasText: 'stream-of-the-tests' });
  await expect(row).toContainText(/not connected|not read/);
  await row.getByRole('button', { name: 'Pause reading stream-of-the-tests' }).click();
  await expect(row).toContainText('paused by Ana Ruiz');
  await row.getByRole('button', { name: 'Go on reading stream-of-the-tests' }).click();
  await expect(row).not.toContainText('paused');
});
