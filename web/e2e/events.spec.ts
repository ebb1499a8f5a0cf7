import type { Page } from '@playwright/test';
import { accessible, expect, fits, giveFactor, legible, picture, settled, test as base } from './fixtures';
import { Installation } from './installation';
import { keeping } from './kept';

const test = base.extend<object, { here: Installation }>({
  here: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use, info) => {
      const here = await keeping();
      await use(here);
      await here.stop(`events-${info.workerIndex}`);
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

const rows = (page: Page) => page.getByRole('group', { name: 'Events' }).locator('tbody tr');

test('events are listed one by one, narrowed, paged and told whole', async ({ page, request }) => {
  const { items } = (await (await request.get('/api/v1/identities?kind=role')).json()) as { items: { id: string; name: string }[] };
  const id = items.find((i) => i.name === 'backup')?.id ?? '';
  await page.goto(`/identities/${id}?tab=usage`);
  await settled(page);
  await page.getByRole('link', { name: 'Events one by one' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Events of backup');
  await expect(page.getByText('kept for 14 days')).toBeVisible();
  await expect(rows(page)).toHaveCount(100);
  await page.getByRole('button', { name: 'Older' }).click();
  await expect(rows(page)).toHaveCount(52);
  await expect(page).toHaveURL(/after=/);
  await page.getByRole('button', { name: 'The latest' }).click();
  await expect(rows(page)).toHaveCount(100);

  await page.getByRole('combobox', { name: 'Outcome' }).click();
  await page.getByRole('option', { name: 'denied' }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('iam:CreateUser');
  await page.getByText('All of it').click();
  await expect(rows(page)).toContainText('00000000-0000-4000-8000-000000000201');
  await accessible(page, 'an event');

  await page.getByRole('textbox', { name: 'Action' }).fill('cloudtrail:*');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.getByText('kept is like that')).toBeVisible();
  await page.getByRole('button', { name: 'Clear the filters' }).click();
  await expect(rows(page)).toHaveCount(100);

  await page.getByRole('textbox', { name: 'From' }).fill('last week');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.getByText('Write a day, such as 2026-03-01').first()).toBeVisible();
  await page.getByRole('textbox', { name: 'From' }).fill('2999-01-01');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page).toHaveURL(/from=2999-01-01/);
  await expect(page.getByText('kept is like that')).toBeVisible();
});

test('people are called by pseudonyms until somebody says why they need their names, which goes on record', async ({ page, here }) => {
  await giveFactor(page, here);
  await page.goto('/usage/events?action=iam%3AGetAccountSummary');
  await settled(page);
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('person');
  await expect(rows(page)).not.toContainText('root');
  await expect(rows(page)).not.toContainText('203.0.113.9');
  await page.getByRole('button', { name: 'Show people’s names…' }).click();
  const sheet = page.getByRole('dialog', { name: 'Show people’s names' });
  await sheet.getByRole('button', { name: 'Show them' }).click();
  await expect(sheet.getByText('Say why they are needed')).toBeVisible();
  await sheet.getByLabel('Why they are needed').fill('who asked for the summary of the account');
  await accessible(page, 'asking for names');
  await sheet.getByRole('button', { name: 'Show them' }).click();
  await expect(rows(page)).toContainText('root');
  await expect(rows(page)).toContainText('203.0.113.9');
  await page.getByRole('button', { name: 'Hide people’s names' }).click();
  await expect(rows(page)).not.toContainText('203.0.113.9');
  await page.goto('/audit?action=usage.people_shown');
  await settled(page);
  await expect(page.getByText('Usage people shown').first()).toBeVisible();
});

test('something unusual leads to the events behind it', async ({ page, request }) => {
  const { items } = (await (await request.get('/api/v1/signals?kind=logging_disabled')).json()) as { items: { finding: string }[] };
  await page.goto(`/findings/${items[0]?.finding ?? ''}`);
  await settled(page);
  await page.getByRole('link', { name: 'The events behind it, one by one' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Events behind something unusual');
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('cloudtrail:StopLogging');
});

test('the page of events is whole and accessible, light and dark, wide and narrow', async ({ page }) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto('/usage/events');
  await settled(page);
  await expect(rows(page)).toHaveCount(100);
  await fits(page);
  await picture(page, 'events-light-wide');
  await accessible(page, 'events');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture(page, 'events-dark-wide');
  await legible(page, 'events, dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await settled(page);
  await fits(page);
  await picture(page, 'events-dark-narrow');
  await accessible(page, 'events, dark and narrow');
});

const fresh = base.extend<object, { here: Installation }>({
  here: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use, info) => {
      const here = await Installation.start();
      await here.setUp();
      await use(here);
      await here.stop(`fresh-${info.workerIndex}`);
    },
    { scope: 'worker', timeout: 120_000 },
  ],
});

fresh('a server that keeps no events says so, and how to keep them', async ({ page }) => {
  await page.goto('/usage/events');
  await settled(page);
  await expect(page.getByText('No events are kept, only what is counted of them.')).toBeVisible();
  await expect(page.getByText('usage: {rawDays: 14}')).toBeVisible();
  await accessible(page, 'no events');
});
