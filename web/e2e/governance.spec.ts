import { accessible, fits, looks, picture, settled, test } from './fixtures';

const pages = [
  ['credentials', '/credentials'],
  ['calendar', '/credentials?view=calendar'],
  ['findings', '/findings'],
  ['rules', '/rules'],
  ['rule', '/rules/nhi5-agent-acts-without-asking'],
  ['owners', '/owners'],
  ['owner-queue', '/owners/queue'],
  ['ownership-rules', '/owners/rules'],
  ['third-parties', '/third-parties'],
  ['sources', '/sources'],
  ['source-kinds', '/sources/new'],
  ['source-form', '/sources/new?kind=aws'],
  ['scans', '/sources/scans'],
  ['collectors', '/sources/collectors'],
  ['audit', '/audit'],
  ['device', '/device'],
  ['settings-you', '/settings/you'],
  ['settings-appearance', '/settings/appearance'],
  ['settings-tokens', '/settings/tokens'],
  ['settings-people', '/settings/people'],
  ['settings-sign-on', '/settings/sign-on'],
  ['settings-channels', '/settings/channels'],
  ['settings-streams', '/settings/streams'],
  ['settings-retention', '/settings/retention'],
  ['settings-sealing', '/settings/sealing'],
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

    test('one finding, credential, source and owner are whole and accessible', async ({ page, request }) => {
      for (const kind of ['findings', 'credentials', 'sources']) {
        const answer = await request.get(`/api/v1/${kind}${kind === 'sources' ? '' : '?limit=1'}`);
        const { items } = (await answer.json()) as { items: { id: string; name: string }[] };
        const one = items[0];
        await page.goto(`/${kind}/${encodeURIComponent((kind === 'sources' ? one?.name : one?.id) ?? '')}`);
        await settled(page);
        await fits(page);
        await picture(page, `one-of-${kind}-${look.name}`);
        await accessible(page, kind);
      }
    });
  });
