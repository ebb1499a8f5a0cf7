import type { Page } from '@playwright/test';
import { accessible, expect, fits, legible, picture, settled, test } from './fixtures';
import { logged } from './logged';

const wide = { width: 1440, height: 900 };
const narrow = { width: 390, height: 844 };

/** How far the page moved while it loaded (Cumulative Layout Shift), as the browser counts it. */
const watchShift = (page: Page) =>
  page.addInitScript(() => {
    const w = window as unknown as { shift: number; moved: string[] };
    w.shift = 0;
    w.moved = [];
    new PerformanceObserver((list) => {
      for (const e of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean; sources?: { node?: Node }[] })[]) {
        if (e.hadRecentInput) continue;
        w.shift += e.value;
        for (const s of e.sources ?? []) w.moved.push(`${e.value.toFixed(4)} ${(s.node as Element | undefined)?.className ?? s.node?.nodeName ?? '?'}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });

async function still(page: Page, what: string) {
  const { shift, moved } = await page.evaluate(() => {
    const w = window as unknown as { shift: number; moved: string[] };
    return { shift: w.shift, moved: w.moved };
  });
  expect(shift, `${what} moves while it loads: ${moved.slice(0, 8).join(', ')}`).toBeLessThan(0.01);
}

/**
 * One visit in four looks: light and dark, on a desk and on a telephone. What hangs on the structure is asked at both
 * widths, what hangs on colours in all four.
 */
async function whole(page: Page, name: string, path: string) {
  await watchShift(page);
  await page.setViewportSize(wide);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(path);
  await settled(page);
  await still(page, name);
  await fits(page);
  await picture(page, `${name}-light-wide`);
  await accessible(page, name);
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, `${name}-dark-wide`);
  await legible(page, `${name}, dark`);
  await page.setViewportSize(narrow);
  await settled(page);
  await fits(page);
  await picture(page, `${name}-dark-narrow`);
  await accessible(page, `${name}, dark and narrow`);
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, `${name}-light-narrow`);
  await legible(page, `${name}, narrow`);
}

const pages = [
  ['overview', '/'],
  ['identities', '/identities'],
  ['identities-filtered', '/identities?owner=none&sort=-priority'],
  ['changes', '/changes'],
  ['credentials', '/credentials'],
  ['calendar', '/credentials?view=calendar'],
  ['usage', '/usage'],
  ['usage-filtered', '/usage?of=identities&status=dormant'],
  ['findings', '/findings'],
  ['rules', '/rules'],
  ['rule', '/rules/nhi5-agent-acts-without-asking'],
  ['access', '/access?already=true'],
  ['access-who', '/access?ask=who&action=s3%3AGetObject'],
  ['access-cuts', '/access?ask=cuts'],
  ['owners', '/owners'],
  ['owner-queue', '/owners/queue'],
  ['ownership-rules', '/owners/rules'],
  ['third-parties', '/third-parties'],
  ['sources', '/sources'],
  ['source-kinds', '/sources/new'],
  ['source-form', '/sources/new?kind=aws'],
  ['scans', '/sources/scans'],
  ['logs', '/sources/logs'],
  ['collectors', '/sources/collectors'],
  ['audit', '/audit'],
  ['device', '/device'],
  ['settings', '/settings'],
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

for (const [name, path] of pages)
  test(`${name} is whole and accessible, light and dark, wide and narrow`, async ({ page }) => {
    await whole(page, name, path);
  });

for (const tab of ['usage', 'access', 'credentials', 'trusts', 'placements', 'findings', 'picture', 'history', 'raw'])
  test(`an identity's tab ${tab} is whole and accessible, light and dark, wide and narrow`, async ({ page, request }) => {
    const list = (await (await request.get('/api/v1/identities?sort=-priority&limit=1')).json()) as { items: { id: string }[] };
    await whole(page, `identity-${tab}`, `/identities/${list.items[0]?.id ?? ''}?tab=${tab}`);
    await expect(page.getByRole('tab', { selected: true })).toHaveText(new RegExp(`^${tab}`, 'i'));
  });

for (const [kind, key] of [
  ['findings', 'id'],
  ['credentials', 'id'],
  ['sources', 'name'],
  ['owners', 'id'],
] as const)
  test(`one of the ${kind} is whole and accessible, light and dark, wide and narrow`, async ({ page, request }) => {
    const { items } = (await (await request.get(`/api/v1/${kind}`)).json()) as { items: Record<string, string>[] };
    const one = items[0]?.[key] ?? '';
    expect(one).not.toBe('');
    await whole(page, `one-of-${kind}`, `/${kind}/${encodeURIComponent(one)}`);
  });

for (const kind of ['identities', 'credentials'] as const)
  test(`the usage of one of the ${kind} that a log shows is whole and accessible, light and dark, wide and narrow`, async ({ page, request }) => {
    const one = await logged(request, kind);
    await whole(page, `usage-of-${kind}`, `/${kind}/${one}?tab=usage`);
    await expect(page.getByRole('table', { name: 'Uses by weekday and hour, UTC' })).toBeVisible();
    await expect(page.getByRole('group', { name: 'Who would notice' }).locator('tbody tr').first()).toBeVisible();
  });

for (const change of ['disable', 'split', 'deny'])
  test(`the simulation ${change} is whole and accessible, light and dark, wide and narrow`, async ({ page, request }) => {
    const one = await logged(request, 'identities');
    await whole(page, `simulation-${change}`, `/identities/${one}?simulate=${change}`);
    await expect(page.getByRole('region', { name: 'Simulation' })).toContainText('Judged');
  });

// On a telephone the first layout is another one.
for (const [name, path] of pages.filter(([n]) => ['overview', 'identities', 'credentials', 'findings', 'owners', 'sources', 'changes', 'audit', 'usage', 'logs'].includes(n)))
  test(`${name} does not move while it loads on a telephone`, async ({ page }) => {
    await watchShift(page);
    await page.setViewportSize(narrow);
    await page.goto(path);
    await settled(page);
    await still(page, name);
  });
