import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { join } from 'node:path';
import { results } from './start';

interface Watch {
  /** Messages of answers that a test provokes. */
  allow: (pattern: RegExp) => void;
}

/** Every test fails on an error in the console, a violation of the content security policy, or a request elsewhere. */
export const test = base.extend<{ watch: Watch; baseURL: string }>({
  // eslint-disable-next-line no-empty-pattern
  baseURL: async ({}, use) => use(process.env['RETINUE_URL'] ?? ''),
  watch: [
    async ({ page, context, baseURL, storageState }, use) => {
      const bad: string[] = [];
      const allowed: RegExp[] = [];
      page.on('console', (m) => {
        if (m.type() === 'error' || /Content Security Policy/.test(m.text())) bad.push(`console: ${m.text()} ${m.location().url}`);
      });
      page.on('pageerror', (e) => bad.push(`error: ${e.message}`));
      page.on('request', (r) => {
        const url = new URL(r.url());
        if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== baseURL) bad.push(`request to ${url.origin}`);
      });
      await use({ allow: (pattern) => allowed.push(pattern) });
      // The server changes the value of a session now and then, and takes an old one for a stolen one.
      const after = await context.storageState();
      if (typeof storageState === 'string' && after.cookies.some((c) => c.name.endsWith('retinue')))
        await context.storageState({ path: storageState });
      expect(bad.filter((b) => !allowed.some((a) => a.test(b)))).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Waits until a page shows what it is about: no skeletons, no pending reads. */
export async function settled(page: Page) {
  await expect(page.locator('[data-page-title]').first()).toBeVisible();
  await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0, { timeout: 20_000 });
}

/** No violation of WCAG 2.2 A or AA that axe can see. */
export async function accessible(page: Page, what: string) {
  const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  const violations = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 4).join('; ')}`);
  expect(violations, what).toEqual([]);
}

export const picture = (page: Page, name: string) => page.screenshot({ path: join(results, `${name}.png`) });

export const looks = [
  { name: 'light-wide', scheme: 'light', width: 1440, height: 900 },
  { name: 'dark-wide', scheme: 'dark', width: 1440, height: 900 },
  { name: 'light-narrow', scheme: 'light', width: 390, height: 844 },
  { name: 'dark-narrow', scheme: 'dark', width: 390, height: 844 },
] as const;

/** Nothing of the page hangs over the edge of the screen. */
export async function fits(page: Page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over).toBeLessThanOrEqual(0);
}
