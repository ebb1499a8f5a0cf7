import { accessible, expect, fits, picture, settled, test } from './fixtures';

const titles = [
  'Unowned accounts',
  'Rotated within 90 days',
  'Privileged identities',
  'Credentials with privileged rights',
  'Inactive identities',
  'Unused tokens',
  'Dormant workloads',
  'Failed rotations',
];

test('all eight headline figures have a trend that says what is not measured', async ({ page }) => {
  await page.goto('/');
  await settled(page);
  for (const title of titles) await expect(page.getByRole('img', { name: new RegExp(`^${title}: .* on `) })).toBeVisible();
  // Nothing watches rotations: the whole is unknown, on every day.
  await expect(page.getByRole('img', { name: /^Failed rotations: unknown on .*not measured/ })).toBeVisible();
  await page.getByText('a year', { exact: true }).click();
  await expect(page).toHaveURL(/days=365/);
  await settled(page);
  await picture(page, 'overview-year');
  await accessible(page, 'overview of a year');
});

test('the overview says on what evidence use is known, and what no log shows', async ({ page }) => {
  await page.goto('/');
  await settled(page);
  await expect(page.getByRole('heading', { name: 'Measured by logs' })).toBeVisible();
  await expect(page.getByText(/in systems of which no log is read/).first()).toBeVisible();
  const coverage = page.getByRole('region', { name: 'Coverage of the sources' });
  await expect(coverage.getByText(/(complete|good|weak), \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d/).first()).toBeAttached();
  await coverage.scrollIntoViewIfNeeded();
  await picture(page, 'overview-coverage');
});

test('the overview tells of a past date, and what it cannot tell', async ({ page, request }) => {
  const at = new Date(Date.now() - 60 * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
  const then = (await (await request.get(`/api/v1/overview?as_of=${at}`)).json()) as { sentence: { identities: number } };
  await page.goto(`/?as_of=${at}`);
  await settled(page);
  await expect(page.getByText(new RegExp(`${then.sentence.identities.toLocaleString('en')} identities`)).first()).toBeVisible();
  await expect(page.getByText('Not told of a past date.')).toHaveCount(2);
  await fits(page);
  await accessible(page, 'overview of a past date');
});
