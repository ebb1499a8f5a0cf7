import { defineConfig } from '@playwright/test';
import { join } from 'node:path';

// RETINUE is the program to test, CHROMIUM the browser. RETINUE_LINK, the set-up link that a running server printed,
// has the tests walk that one.
export default defineConfig({
  testDir: '.',
  outputDir: join(import.meta.dirname, 'results/traces'),
  // Each worker has a server and a database of its own.
  workers: process.env['RETINUE_LINK'] ? 1 : 2,
  fullyParallel: true,
  timeout: 120_000,
  // A busy machine is slow now and then; what fails twice is broken, and what passes the second time is named flaky.
  retries: process.env['CI'] ? 1 : 0,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  globalSetup: './sample.ts',
  use: {
    launchOptions: { executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] },
    trace: 'retain-on-failure',
    contextOptions: { reducedMotion: 'reduce' },
    locale: 'en-GB',
    timezoneId: 'UTC',
  },
});
