import { defineConfig } from '@playwright/test';
import { join } from 'node:path';

// RETINUE is the program to test, CHROMIUM the browser.
const results = join(import.meta.dirname, 'results');

export default defineConfig({
  testDir: '.',
  outputDir: join(results, 'traces'),
  workers: 1,
  fullyParallel: false,
  timeout: 120_000,
  // A busy machine is slow now and then; what fails twice is broken, and what passes the second time is named flaky.
  retries: process.env['CI'] ? 1 : 0,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  globalSetup: './start.ts',
  use: {
    launchOptions: { executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox'] },
    trace: 'retain-on-failure',
    contextOptions: { reducedMotion: 'reduce' },
    locale: 'en-GB',
    timezoneId: 'UTC',
  },
  projects: [
    { name: 'set-up', testMatch: 'setup.ts' },
    { name: 'console', testMatch: '*.spec.ts', dependencies: ['set-up'], use: { storageState: join(results, 'session.json') } },
  ],
});
