import { expect, settled, test } from './fixtures';
import { logged, overgranted } from './logged';

test('an identity says what uses it, on which evidence', async ({ page, request }) => {
  await page.goto(`/identities/${await logged(request, 'identities')}`);
  await settled(page);
  await expect(page.getByRole('tab', { selected: true })).toHaveText('Usage');
  await expect(page.getByRole('heading', { name: /^Unusual/ })).toBeVisible();
  expect(await page.getByRole('group', { name: 'Who would notice' }).locator('tbody tr').count()).toBeGreaterThan(1);
  const did = page.getByRole('group', { name: 'What it did' }).locator('tbody tr');
  const all = await did.count();
  expect(all).toBeGreaterThan(0);
  await page.getByLabel('Search what it did').fill('iam:');
  await expect.poll(() => did.count()).toBeLessThan(all);
  await page.getByRole('button', { name: 'As a table' }).click();
  await expect(page.getByRole('group', { name: 'Uses a day' }).locator('tbody tr').first()).toBeVisible();
});

test('what disabling an identity would break is one click away, by keyboard too, and the way back keeps the page', async ({ page, request }) => {
  const id = await logged(request, 'identities');
  await page.goto(`/identities/${id}?tab=credentials`);
  await settled(page);
  await page.getByRole('link', { name: 'Simulate disabling' }).press('Enter');
  await expect(page).toHaveURL(new RegExp(`/identities/${id}\\?simulate=disable`));
  const found = page.getByRole('region', { name: 'Simulation' });
  await expect(found.getByRole('heading', { level: 2 })).toBeFocused();
  await expect(found).toContainText(/uses? by \d+ consumers? would have been refused, the last on/);
  expect(await found.getByRole('group', { name: 'Who would be refused' }).locator('tbody tr').count()).toBeGreaterThan(1);
  await expect(found).toContainText(/Judged.*of/);
  await found.getByRole('combobox', { name: 'Change' }).click();
  await page.getByRole('option', { name: 'Split it by consumer' }).click();
  await expect(page).toHaveURL(/simulate=split/);
  await expect(found.getByRole('group', { name: 'Who would go with what' })).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(/simulate=disable/);
  await found.getByRole('button', { name: 'Close the simulation' }).click();
  await expect(found).toHaveCount(0);
  await expect(page.getByRole('group', { name: 'Who would notice' })).toBeVisible();
});

test('a grant that was never used can be taken away in a simulation', async ({ page, request }) => {
  await page.goto(`/identities/${await overgranted(request)}`);
  await settled(page);
  const unused = page.getByRole('group', { name: 'Granted and not used' });
  await unused.getByRole('link', { name: /^Simulate taking/ }).first().click();
  await expect(page).toHaveURL(/simulate=revoke&grant=/);
  await expect(page.getByRole('region', { name: 'Simulation' })).toContainText('Judged');
});

test('what nobody knows of is not called safe to disable', async ({ page, request }) => {
  const { items } = (await (await request.get('/api/v1/verdicts?of=identities&grade=D&limit=1')).json()) as { items: { id: string }[] };
  await page.goto(`/identities/${items[0]?.id ?? ''}?simulate=disable`);
  await settled(page);
  await expect(page.getByRole('region', { name: 'Simulation' })).toContainText('That is no promise that nothing would break');
});

test('an identity without a log says which one to hand in', async ({ page, request }) => {
  const { items } = (await (await request.get('/api/v1/identities?kind=service_account&limit=1')).json()) as { items: { id: string }[] };
  await page.goto(`/identities/${items[0]?.id ?? ''}`);
  await settled(page);
  await expect(page.getByText('retinue activity import kubernetes=PATH')).toBeVisible();
});

test('a figure of the overview opens the list behind it, which stands in the address', async ({ page }) => {
  await page.goto('/');
  await settled(page);
  const table = page.getByRole('group', { name: 'Usage status and evidence of identities' });
  const figure = table.getByRole('link', { name: /identities, active, evidence weak$/ });
  const n = Number((await figure.innerText()).replace(/\D/g, ''));
  await figure.click();
  await expect(page).toHaveURL(/\/usage\?of=identities&status=active&grade=C/);
  await settled(page);
  await expect(page.getByRole('heading', { name: 'Active identities, evidence weak' })).toBeVisible();
  await expect(page.locator('tbody tr')).toHaveCount(Math.min(n, 100));
});

test('the logs say what they cover, what could not be read and who is in them only', async ({ page }) => {
  await page.goto('/sources/logs');
  await settled(page);
  const trail = page.getByRole('region', { name: 'aws.cloudtrail of aws:111111111111' });
  await expect(trail).toContainText(/proven for \d+/);
  await trail.getByText(/proofs? that no event is missing/).click();
  await expect(trail).toContainText('Digest files chain without a gap');
  await expect(page.getByRole('region', { name: /^github\.audit/ })).toContainText('nothing proves that no event is missing');
  const faults = page.getByRole('group', { name: 'What could not be read' }).locator('tbody tr');
  await expect(faults.first()).toBeVisible();
  const only = page.getByRole('group', { name: 'Seen in logs only' });
  await expect(only.locator('tbody tr', { hasText: 'shadow' }).first()).toContainText('Find out who made it');
});
