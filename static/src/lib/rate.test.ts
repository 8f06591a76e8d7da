import { expect, it } from 'vitest';
import { Rate } from './rate';

it('averages over the last five seconds', () => {
  const rate = new Rate(0);
  for (let second = 0; second < 10; second += 1) rate.add(100, second * 1_000);
  expect(rate.perSecond(9_500)).toBe(100);
  expect(rate.perSecond(20_000)).toBe(0);
});

it('does not exaggerate in its first second', () => {
  const rate = new Rate(0);
  rate.add(10, 10);
  expect(rate.perSecond(20)).toBe(10);
});
