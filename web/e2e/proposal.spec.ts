import type { APIRequestContext } from '@playwright/test';
import { accessible, expect, fits, legible, picture, settled, test } from './fixtures';

interface Proposed {
  lostAccess: unknown;
  takenAway: { service: string; actions: number }[] | null;
}

/** An identity of AWS whose policies allow more than it used. */
async function generous(request: APIRequestContext): Promise<{ id: string; name: string }> {
  for (const status of ['dormant', 'active', 'idle']) {
    const { items } = (await (await request.get(`/api/v1/verdicts?of=identities&status=${status}&grade=B`)).json()) as { items: { id: string; name: string; kind: string }[] };
    for (const v of items) {
      const answer = await request.get(`/api/v1/identities/${v.id}/right-size`);
      if (!answer.ok()) continue;
      const p = (await answer.json()) as Proposed;
      if (p.lostAccess === true && (p.takenAway ?? []).length > 0) return v;
    }
  }
  throw new Error('the sample company has no identity with more than it uses');
}

test('a smaller policy is proposed from what was used, replayed, to copy and to download', async ({ page, request }) => {
  const { id, name } = await generous(request);
  await page.goto(`/identities/${id}?tab=usage`);
  await settled(page);
  await page.getByRole('link', { name: 'Propose a smaller policy' }).press('Enter');
  await expect(page).toHaveURL(/propose=managed/);
  const found = page.getByRole('region', { name: 'Smaller policy' });
  await expect(found.getByRole('heading', { level: 2 })).toHaveText(`A smaller policy for ${name}`);
  await expect(found.getByRole('heading', { level: 2 })).toBeFocused();
  await expect(found).toContainText('nothing is newly allowed: both are proven');
  await expect(found).toContainText(/It takes away \d+ actions? of \d+ services?/);
  await expect(found).toContainText('Nothing that could be judged would have been refused');
  const policy = found.getByRole('region', { name: /^Policy / }).first();
  expect((JSON.parse((await policy.textContent()) ?? '') as { Statement: unknown[] }).Statement.length).toBeGreaterThan(0);
  const [download] = await Promise.all([page.waitForEvent('download'), found.getByRole('link', { name: 'Download' }).first().click()]);
  expect(download.suggestedFilename()).toMatch(/\.json$/);
  await fits(page);
  await picture(page, 'proposal-light-wide');
  await accessible(page, 'a proposal');
  await page.emulateMedia({ colorScheme: 'dark' });
  await legible(page, 'a proposal, dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await settled(page);
  await fits(page);
  await picture(page, 'proposal-dark-narrow');
  // What the bars of the frame cover in part is no smaller for it.
  await page.evaluate(() => window.scrollTo(0, 0));
  await accessible(page, 'a proposal, dark and narrow');

  await found.getByRole('combobox', { name: 'Form of the policy' }).click();
  await page.getByRole('option', { name: 'As an inline policy of a role' }).click();
  await expect(page).toHaveURL(/propose=role/);
  await expect(found).toContainText('both are proven');
  await found.getByRole('button', { name: 'Close the proposal' }).click();
  await expect(found).toHaveCount(0);
});
