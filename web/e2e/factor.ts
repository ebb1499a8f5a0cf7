import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { results } from './start';
import { totp } from './totp';

const secret = () => (JSON.parse(readFileSync(join(results, 'factor.json'), 'utf8')) as { secret: string }).secret;

/** A code that was not used yet, since each counts once: the first of the next half minute. */
export async function freshCode(page: Page): Promise<string> {
  await page.waitForTimeout(30_500 - (Date.now() % 30_000));
  return totp(secret());
}

/** Gives the second factor whenever the console asks for it again. */
export async function giveFactor(page: Page) {
  const ask = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await page.addLocatorHandler(ask, async () => {
    await ask.getByRole('textbox', { name: /code/i }).fill(await freshCode(page));
    await ask.getByRole('button', { name: 'Confirm' }).click();
    await ask.waitFor({ state: 'hidden' });
  });
}
