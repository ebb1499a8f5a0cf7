import { accessible, expect, fits, looks, picture, settled, test } from './fixtures';

const pages = [
  ['overview', '/'],
  ['identities', '/identities'],
  ['identities-filtered', '/identities?owner=none&sort=-priority'],
  ['changes', '/changes'],
  ['credentials', '/credentials'],
  ['findings', '/findings'],
  ['rules', '/rules'],
  ['owners', '/owners'],
  ['third-parties', '/third-parties'],
  ['sources', '/sources'],
  ['audit', '/audit'],
  ['settings', '/settings'],
] as const;

for (const look of looks)
  test.describe(look.name, () => {
    test.use({ viewport: { width: look.width, height: look.height }, colorScheme: look.scheme });

    for (const [name, path] of pages)
      test(`${name} is whole and accessible`, async ({ page }) => {
        await page.goto(path);
        await settled(page);
        await fits(page);
        await picture(page, `${name}-${look.name}`);
        await accessible(page, name);
      });

    test('every tab of an identity is whole and accessible', async ({ page, request }) => {
      const list = (await (await request.get('/api/v1/identities?sort=-priority&limit=1')).json()) as { items: { id: string }[] };
      const id = list.items[0]?.id ?? '';
      for (const tab of ['use', 'access', 'credentials', 'trusts', 'placements', 'findings', 'picture', 'history', 'raw']) {
        await page.goto(`/identities/${id}?tab=${tab}`);
        await settled(page);
        await expect(page.getByRole('tab', { selected: true })).toHaveText(new RegExp(`^${tab}`, 'i'));
        await fits(page);
        await picture(page, `identity-${tab}-${look.name}`);
        await accessible(page, tab);
      }
    });
  });
