import { defineConfig } from '@playwright/test';

// Tests of plain functions: no browser, no server.
export default defineConfig({ testDir: '../src', testMatch: '**/*.test.ts', reporter: [['line']], outputDir: './results/unit' });
