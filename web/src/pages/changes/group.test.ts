import { expect, test } from '@playwright/test';
import { fieldsOf, grouped, type Change } from './group';

const c = (name: string, over: Partial<Change> = {}): Change => ({
  change: 'added',
  type: 'identity',
  ref: { realm: 'aws:1', kind: 'role', key: name },
  name,
  source: 'aws',
  at: '2026-06-01T10:00:00Z',
  recorded: '2026-06-01T10:00:00Z',
  revision: 7,
  ...over,
});

test('equal changes of one scan are one group, days and scans are apart', () => {
  const days = grouped([c('a'), c('b'), c('x', { revision: 6 }), c('y', { change: 'ended' }), c('z', { recorded: '2026-05-20T10:00:00Z' })]);
  expect(days.map((d) => d.groups.map((g) => g.changes.map((x) => x.name).join()))).toEqual([['a,b', 'x', 'y'], ['z']]);
});

test('only what differs is told, by its path', () => {
  expect(fieldsOf({ name: 'a', labels: { team: 'x' } }, { name: 'a', labels: { team: 'y' }, state: 'active' })).toEqual([
    { field: 'labels.team', before: 'x', after: 'y' },
    { field: 'state', before: undefined, after: 'active' },
  ]);
});
