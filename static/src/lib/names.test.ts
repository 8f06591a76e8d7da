import { describe, expect, it } from 'vitest';
import { compareNames, NameRanks, sortByName } from './names';
import { storeOf } from './sample';

describe('compareNames', () => {
  it('orders numbers as numbers', () => {
    const names = ['web-10', 'web-2', 'Web-1', 'db'];
    const expected = ['db', 'Web-1', 'web-2', 'web-10'];
    expect(names.toSorted(compareNames)).toEqual(expected);
    expect(sortByName(names, (name) => name)).toEqual(expected);
  });

  it('orders any two different names one way', () => {
    const alike = ['a-01', 'a-1', 'A-1', 'a', 'a-1.b', '1', '01', '-', ''];
    for (const a of alike) {
      for (const b of alike) {
        expect(Math.sign(compareNames(a, b)) + Math.sign(compareNames(b, a))).toBe(0);
        expect(compareNames(a, b) === 0).toBe(a === b);
      }
    }
  });
});

it('ranks follow hosts that come, go and take the place of others', () => {
  const store = storeOf({ host: 'b' }, { host: 'c' });
  const ranks = new NameRanks();
  expect(Array.from(ranks.of(store).subarray(0, 2))).toEqual([0, 1]);
  store.tell(2, { host: 'a' });
  expect(Array.from(ranks.of(store).subarray(0, 3))).toEqual([1, 2, 0]);
  store.forget(0);
  store.tell(0, { host: 'z' });
  expect(Array.from(ranks.of(store).subarray(0, 3))).toEqual([2, 1, 0]);
});
