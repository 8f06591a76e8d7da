import { describe, expect, it } from 'vitest';
import { HostStore } from './store';
import { figuresOf, storeOf } from './sample';

describe('the store', () => {
  it('knows hosts by index and by name', () => {
    const store = storeOf({ host: 'a', cpu: 12.5, level: 2 }, { host: 'b' });
    expect([store.size, store.indexOf('b'), store.info(0)?.host]).toEqual([2, 1, 'a']);
    expect(store.columns.cpu[0]).toBe(12.5);
    expect(store.columns.level[0]).toBe(2);
    expect(store.columns.memory[1]).toBeNaN();
    expect([...store.all()]).toEqual([0, 1]);
  });

  it('forgets a host, and gives its place to another', () => {
    const store = storeOf({ host: 'a', cpu: 50 });
    store.forget(0);
    expect([store.size, store.has(0), store.indexOf('a')]).toEqual([0, false, undefined]);
    store.tell(0, { host: 'b' });
    expect(store.columns.cpu[0]).toBeNaN();
    expect(store.indexOf('b')).toBe(0);
  });

  it('ignores figures of a host that nobody told', () => {
    const store = new HostStore();
    store.write(3, figuresOf({ cpu: 1 }), 0);
    expect(store.size).toBe(0);
  });

  it('grows without losing what it has', () => {
    const store = storeOf({ host: 'a', cpu: 50 });
    store.tell(5_000, { host: 'far' });
    expect(store.columns.cpu).toHaveLength(8_192);
    expect(store.columns.cpu[0]).toBe(50);
  });

  it('takes the interval promised, else the one seen, else a second', () => {
    const store = storeOf(
      { host: 'a', promisedIntervalMs: 250, seenIntervalMs: 900 },
      { host: 'b', seenIntervalMs: 5_000 },
      { host: 'c' },
    );
    expect(Array.from(store.columns.intervalMs.subarray(0, 3))).toEqual([250, 5_000, 1_000]);
  });
});

describe('freshness', () => {
  it('is late after three intervals, silent after ten and at least 15 s', () => {
    const store = storeOf(
      { host: 'a', receivedMs: 0, promisedIntervalMs: 1_000 },
      { host: 'slow', receivedMs: 0, promisedIntervalMs: 5_000 },
    );
    const at = (ms: number) => [store.freshness(0, ms), store.freshness(1, ms)];
    expect(at(3_000)).toEqual(['fresh', 'fresh']);
    expect(at(3_001)).toEqual(['late', 'fresh']);
    expect(at(15_000)).toEqual(['late', 'fresh']);
    expect(at(15_001)).toEqual(['silent', 'late']);
    expect(at(50_001)).toEqual(['silent', 'silent']);
  });

  it('counts silence from the moment it is the own one of a host', () => {
    const store = storeOf({ host: 'a', receivedMs: 0 });
    store.judgedFromMs = 100_000;
    expect(store.freshness(0, 103_000)).toBe('fresh');
    expect(store.freshness(0, 104_000)).toBe('late');
    store.judgedFromMs = Infinity;
    expect(store.freshness(0, 104_000)).toBe('fresh');
  });
});
