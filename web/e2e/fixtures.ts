import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { join } from 'node:path';
import { Installation, nobody, results } from './installation';

interface Watch {
  /** Messages of answers that a test provokes, and requests to other hosts that it means. */
  allow: (pattern: RegExp) => void;
}

interface Each {
  watch: Watch;
  baseURL: string;
  signedIn: boolean;
}

/**
 * Each worker has a server with a sample company of its own, and is signed in at it. Every test fails on an error in
 * the console, a violation of the content security policy, or a request to another host.
 */
export const test = base.extend<Each, { here: Installation }>({
  here: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use, info) => {
      const link = process.env['RETINUE_LINK'];
      const here = link ? Installation.running(link) : await Installation.start(process.env['RETINUE_SAMPLE']);
      await here.setUp();
      await use(here);
      await here.stop(`server-${info.workerIndex}`);
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  signedIn: [true, { option: true }],
  baseURL: async ({ here }, use) => use(here.url),
  storageState: async ({ here, signedIn }, use) => use(signedIn ? here.state : nobody),
  watch: [
    async ({ page, context, here, baseURL, signedIn }, use) => {
      const bad: string[] = [];
      const allowed: RegExp[] = [];
      page.on('console', (m) => {
        if (m.type() === 'error' || /Content Security Policy/.test(m.text())) bad.push(`console: ${m.text()} ${m.location().url}`);
      });
      page.on('pageerror', (e) => bad.push(`error: ${e.message}`));
      context.on('request', (r) => {
        const url = new URL(r.url());
        if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== baseURL) bad.push(`request to ${url.origin}`);
      });
      await use({ allow: (pattern) => allowed.push(pattern) });
      // The server changes the value of a session now and then, and takes an old one for a stolen one.
      const after = await context.storageState();
      if (signedIn && after.cookies.some((c) => c.name.endsWith('retinue'))) here.state = after;
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

const axe = (page: Page) => new AxeBuilder({ page }).setLegacyMode(); // there are no frames

const tell = async (found: ReturnType<AxeBuilder['analyze']>, what: string) => {
  const violations = (await found).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 4).join('; ')}`);
  expect(violations, what).toEqual([]);
};

/** No violation of WCAG 2.2 A or AA that axe can see. */
export const accessible = (page: Page, what: string) =>
  tell(axe(page).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze(), what);

/** What of it hangs on colours alone. */
export const legible = (page: Page, what: string) => tell(axe(page).withRules(['color-contrast', 'link-in-text-block']).analyze(), what);

export const picture = (page: Page, name: string) => page.screenshot({ path: join(results, `${name}.png`) });

/** Nothing of the page hangs over the edge of the screen. */
export async function fits(page: Page) {
  // The frame takes a moment to follow a change of the screen's width.
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBeLessThanOrEqual(0);
}

/** Gives the second factor whenever the console asks for it again. */
export async function giveFactor(page: Page, here: Installation) {
  const ask = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await page.addLocatorHandler(ask, async () => {
    await ask.getByRole('textbox', { name: /code/i }).fill(await here.app.code());
    await ask.getByRole('button', { name: 'Confirm' }).click();
    await ask.waitFor({ state: 'hidden' });
  });
}
