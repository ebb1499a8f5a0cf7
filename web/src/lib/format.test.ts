import { expect, test } from '@playwright/test';
import { ago, middle, plural, share, span, toDate, word } from './format';

const now = Date.parse('2026-06-15T12:00:00Z');
const before = (days: number) => ago(now - days * 86_400_000, now);

test('times are told as people say them', () => {
  expect(before(0)).toBe('just now');
  expect(before(1)).toBe('yesterday');
  expect(before(3)).toBe('3 days ago');
  expect(before(13)).toBe('13 days ago');
  expect(before(21)).toBe('3 weeks ago');
  expect(before(620)).toBe('20 months ago');
  expect(before(800)).toBe('2 years ago');
  expect(ago(now + 120 * 86_400_000, now)).toBe('in 3 months');
  expect(ago(undefined, now)).toBe('not known');
});

test('a zero time of the server is not known', () => {
  expect(toDate('0001-01-01T00:00:00Z')).toBeUndefined();
  expect(toDate('2026-01-01T00:00:00Z')?.getUTCFullYear()).toBe(2026);
});

test('a share that is not nothing never reads as nothing', () => {
  expect(share(0, 10)).toBe('0%');
  expect(share(1, 10_000)).toBe('under 1%');
  expect(share(9_999, 10_000)).toBe('over 99%');
  expect(share(38, 100)).toBe('38%');
  expect(share(1, 0)).toBe('–');
});

test('counts agree with their nouns', () => {
  const noun = ['identity', 'identities'] as const;
  expect(plural(1, noun)).toBe('1 identity');
  expect(plural(1000, noun, true)).toBe('more than 1,000 identities');
});

test('long keys keep their end, where they differ', () => {
  const key = 'arn:aws:iam::111111111111:role/service/payments/billing-export-nightly';
  expect(middle(key, 40)).toHaveLength(40);
  expect(middle(key, 40)).toMatch(/billing-export-nightly$/);
  expect(middle('short')).toBe('short');
});

test('values of the vocabulary read as words', () => {
  expect(word('service_account')).toBe('service account');
  expect(word('ssh_key')).toBe('SSH key');
  expect(span(86_400_000 * 430)).toBe('14 months');
});
