import { expect, it } from 'vitest';
import { step } from './step';

const spot = { place: 5, count: 20, lanes: 1, page: 8 };

it.each([
  ['ArrowDown', 6],
  ['ArrowUp', 4],
  ['PageDown', 13],
  ['PageUp', 0],
  ['Home', 0],
  ['End', 19],
  ['ArrowRight', undefined],
  ['x', undefined],
  ['constructor', undefined],
])('%s leads to %s', (key, place) => {
  expect(step(key, spot)).toBe(place);
});

it('moves by lines where cards are side by side, and sideways', () => {
  expect(step('ArrowDown', { ...spot, lanes: 2 })).toBe(7);
  expect(step('ArrowRight', { ...spot, lanes: 2 })).toBe(6);
});

it('begins at the first, stays inside, and goes nowhere in an empty list', () => {
  expect(step('ArrowUp', { ...spot, place: -1 })).toBe(0);
  expect(step('ArrowDown', { ...spot, place: 19 })).toBe(19);
  expect(step('ArrowDown', { ...spot, count: 0 })).toBeUndefined();
});
