import { expect, test } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { glossary } from './glossary';

test('the documents explain every term in the same words', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/glossary.md'), 'utf8');
  for (const [term, meaning] of Object.entries(glossary)) expect(page).toContain(`| ${term} | ${meaning} |`);
});
