import { expect, test } from '@playwright/test';
import { keptText, lostText, moment, whyEmpty, wrongTimes } from './events';

test('a day stands for its first or its last moment, and a time for itself, in UTC', () => {
  expect(moment('2026-03-01')).toBe('2026-03-01T00:00:00.000Z');
  expect(moment(' 2026-03-01 ', true)).toBe('2026-03-01T23:59:59.999Z');
  expect(moment('2026-03-01 14:30')).toBe('2026-03-01T14:30:00.000Z');
  expect(moment('2026-03-01T14:30:05Z', true)).toBe('2026-03-01T14:30:05.000Z');
  for (const wrong of ['yesterday', '2026-02-30', '2026-13-01', '2026-03-01 25:00', '2026-3-1', '1.3.2026']) expect(moment(wrong), wrong).toBeUndefined();
});

test('what is wrong with times is said at the field', () => {
  expect(wrongTimes({ from: '2026-03-01', to: '2026-03-01' })).toEqual({});
  expect(Object.keys(wrongTimes({ from: 'soon' }))).toEqual(['from']);
  expect(wrongTimes({ from: '2026-03-02', to: '2026-03-01' })).toEqual({ to: 'Write a time that is not before the first.' });
});

test('an empty list says why', () => {
  const none = { days: 0, of: [] };
  const some = { days: 14, of: [{ day: '2026-03-01', events: 3, bytes: 9, over: 0, tooLarge: 0, unsealed: 0 }] };
  expect(whyEmpty(none, {})).toBe('off');
  expect(whyEmpty({ days: 14, of: [] }, {})).toBe('none-yet');
  expect(whyEmpty(some, { action: 'iam:*' })).toBe('filtered');
  expect(whyEmpty(some, {}, 'cursor')).toBe('further');
  expect(whyEmpty(none, { kind: 'unknown' })).toBe('understood');
  expect(keptText(some)).toContain('14 days');
  expect(keptText({ ...some, days: 0 })).toContain('No more are kept');
  expect(lostText({ day: '2026-03-01', events: 3, bytes: 9, over: 12, tooLarge: 1, unsealed: 0 }, 512)).toBe("12 over the day's 512 MB, 1 too large");
});
