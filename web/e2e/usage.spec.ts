import { expect, settled, test } from './fixtures';

test('an identity says what uses it, on which evidence, and what would raise that', async ({ page, request }) => {
  const { items } = (await (await request.get('/api/v1/identities?text=ais-feed-api')).json()) as { items: { id: string; realm: string }[] };
  const id = items.find((i) => i.realm === 'aws:111122223333')?.id ?? '';
  await page.goto(`/identities/${id}`);
  await settled(page);
  await expect(page.getByRole('tab', { selected: true })).toHaveText('Usage');
  await expect(page.getByRole('group', { name: 'Who would notice' }).locator('tbody tr')).toHaveCount(3);
  await expect(page.getByRole('heading', { name: 'What would raise the evidence' })).toBeVisible();
  await expect(page.getByRole('group', { name: 'Who touched it' })).toContainText('changed what it may do');
  const did = page.getByRole('group', { name: 'What it did' }).locator('tbody tr');
  await expect(did).toHaveCount(6);
  await page.getByLabel('Search what it did').fill('dynamodb');
  await expect(did).toHaveCount(2);
  await page.getByRole('button', { name: 'As a table' }).click();
  await expect(page.getByRole('group', { name: 'Uses a day' }).locator('tbody tr').first()).toBeVisible();
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
  const log = page.getByRole('region', { name: 'sample.audit of aws:111122223333' });
  await expect(log).toContainText('not proven');
  await expect(log).toContainText('nothing proves that no event is missing');
  await expect(page.getByRole('group', { name: 'What could not be read' }).locator('tbody tr')).toHaveCount(1);
  const only = page.getByRole('group', { name: 'Seen in logs only' });
  await expect(only.locator('tbody tr', { hasText: 'made-by-hand' })).toContainText('shadow');
  await only.getByRole('link', { name: 'Connect kubernetes' }).click();
  await expect(page).toHaveURL(/\/sources\/new\?kind=kubernetes/);
});
