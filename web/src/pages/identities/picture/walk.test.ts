import { expect, test } from '@playwright/test';
import { walk } from './walk';

const placed = { a: { x: 0, y: 0 }, b: { x: 0, y: 60 }, c: { x: 300, y: 30 }, d: { x: 600, y: 0 }, e: { x: 600, y: 90 } };
const edges = [
  { from: 'a', to: 'c' },
  { from: 'b', to: 'c' },
  { from: 'c', to: 'd' },
  { from: 'c', to: 'e' },
];

test('arrow keys follow the edges and the columns', () => {
  expect(walk('ArrowRight', 'a', edges, placed)).toBe('c');
  expect(walk('ArrowRight', 'c', edges, placed)).toBe('d');
  expect(walk('ArrowDown', 'd', edges, placed)).toBe('e');
  expect(walk('ArrowUp', 'e', edges, placed)).toBe('d');
  expect(walk('ArrowLeft', 'e', edges, placed)).toBe('c');
  expect(walk('ArrowUp', 'a', edges, placed)).toBeUndefined();
  expect(walk('x', 'a', edges, placed)).toBeUndefined();
});
