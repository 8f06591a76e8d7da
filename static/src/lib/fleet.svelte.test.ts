import { describe, expect, it } from 'vitest';
import type { Batch } from './mirror';
import { Fleet } from './fleet.svelte';
import { batchOf, type SampleHost } from './sample';

function fleetOf(...batches: Batch[]): Fleet {
  const fleet = new Fleet();
  for (const batch of batches) fleet.apply(batch);
  fleet.settle(10_000, 10_000, -Infinity);
  return fleet;
}

const points = (fleet: Fleet, index: number) => {
  const found: number[] = [];
  fleet.series(index)?.forEach((timeMs, percentage) => found.push(timeMs, percentage));
  return found;
};

describe('a fleet', () => {
  it('knows nothing before the first snapshot is complete', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a' } }, { complete: false }));
    expect([fleet.known, fleet.total, fleet.version]).toEqual([false, 0, 0]);
    fleet.apply(batchOf({ 1: { host: 'b' } }));
    expect([fleet.known, fleet.total]).toEqual([true, 2]);
  });

  it('counts levels and silence', () => {
    const fleet = fleetOf(
      batchOf({
        0: { host: 'a', level: 2, receivedMs: 9_900 },
        1: { host: 'b', level: 1, receivedMs: 6_000 },
        2: { host: 'c', receivedMs: -9_000 },
      }),
    );
    expect(fleet.counts).toEqual({ HIGH: 1, MEDIUM: 1, LOW: 1 });
    expect([fleet.late, fleet.silent, fleet.isJudging]).toEqual([1, 1, true]);
    fleet.settle(11_000, 10_000, Infinity);
    expect([fleet.late, fleet.silent, fleet.isJudging]).toEqual([0, 0, false]);
  });

  it('lets a new snapshot replace everything, but not before it is complete', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a' }, 1: { host: 'gone' } }));
    fleet.lookAt([0], []);
    fleet.apply(batchOf({ 0: { host: 'x' } }, { generation: 2, complete: false }));
    expect(fleet.store.info(0)?.host).toBe('a');
    fleet.apply(batchOf({ 1: { host: 'y' } }, { generation: 2 }));
    expect([...fleet.store.all()].map((index) => fleet.store.info(index)?.host)).toEqual([
      'x',
      'y',
    ]);
    expect(fleet.store.indexOf('gone')).toBeUndefined();
    expect([fleet.generation, fleet.series(0)]).toEqual([2, undefined]);
  });

  it('keeps nothing of a snapshot that a newer one overtook', () => {
    const fleet = fleetOf(
      batchOf({ 0: { host: 'a' }, 1: { host: 'ghost' } }, { complete: false }),
      batchOf({ 0: { host: 'b' } }, { generation: 2 }),
    );
    expect([...fleet.store.all()].map((index) => fleet.store.info(index)?.host)).toEqual(['b']);
    expect([fleet.total, fleet.store.indexOf('a')]).toEqual([1, undefined]);
  });

  it('grows its version at a pace that can be read, and only when something changed', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a' } }));
    expect(fleet.version).toBe(1);
    fleet.apply(batchOf({ 0: { host: 'a' } }));
    fleet.settle(10_100, 10_100, 0);
    expect(fleet.version).toBe(1);
    fleet.settle(10_500, 10_500, 0);
    fleet.settle(11_000, 11_000, 0);
    expect(fleet.version).toBe(2);
  });

  it('grows its version when hosts fall silent, although nothing arrives any more', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a', receivedMs: 9_900 } }));
    const steps = [11_000, 14_000, 15_000, 30_000, 31_000].map((nowMs) => {
      fleet.settle(nowMs, nowMs, -Infinity);
      return fleet.version;
    });
    expect(steps).toEqual([1, 2, 2, 3, 3]);
    fleet.settle(32_000, 32_000, Infinity);
    expect([fleet.version, fleet.silent]).toEqual([4, 0]);
  });

  it('grows its membership only when hosts come, go or get other labels', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a', info: { labels: { role: 'web' } } } }));
    const before = fleet.membership;
    const tell = (info: SampleHost['info']) => {
      fleet.apply(batchOf({ 0: { host: 'a', info: { ...info } } }));
      return fleet.membership - before;
    };
    expect(tell({ labels: { role: 'web' }, late_samples: 7, causes: ['swap'] })).toBe(0);
    expect(fleet.store.info(0)?.late_samples).toBe(7);
    expect(tell({ labels: { role: 'db' } })).toBe(1);
    expect(tell({})).toBe(2);
    fleet.apply(batchOf({ 0: { host: 'b' } }));
    expect(fleet.membership).toBe(before + 3);
    fleet.apply(batchOf({}, { gone: Uint32Array.of(0) }));
    expect([fleet.membership, fleet.total]).toEqual([before + 4, 0]);
  });

  it('grows its version at once when an index is another host, and not when more is told of one', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a' }, 1: { host: 'b' } }));
    expect(fleet.version).toBe(1);
    fleet.apply(batchOf({ 0: { host: 'a', info: { late_samples: 1 } } }));
    expect(fleet.version).toBe(1);
    fleet.apply(batchOf({}, { gone: Uint32Array.of(1) }));
    expect(fleet.version).toBe(2);
    fleet.apply(batchOf({ 0: { host: 'x' } }, { generation: 2 }));
    expect(fleet.version).toBe(3);
    const empty = fleetOf(batchOf({}));
    const before = empty.version;
    empty.apply(batchOf({ 0: { host: 'first' } }));
    expect([empty.version, empty.total]).toEqual([before + 1, 1]);
  });

  it('tells listeners which hosts changed, those with new points only too', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a', timestampMs: 9 }, 1: { host: 'b' } }));
    fleet.lookAt([0], []);
    const heard: number[][] = [];
    const stop = fleet.onChange((indices) => heard.push(Array.from(indices)));
    fleet.apply(batchOf({ 1: { host: 'b' } }, { points: Float64Array.of(0, 8, 50) }));
    stop();
    fleet.apply(batchOf({ 0: { host: 'a' } }));
    expect(heard).toEqual([[1, 0]]);
  });

  it('keeps points of rows looked at, in their place', () => {
    const first = batchOf({ 0: { host: 'a', timestampMs: 3_000 } });
    const fleet = fleetOf(first);
    fleet.apply(batchOf({}, { points: Float64Array.of(0, 1_000, 1) }));
    expect(fleet.series(0)).toBeUndefined();
    fleet.lookAt([0], []);
    fleet.apply(batchOf({}, { points: Float64Array.of(0, 3_000, 3, 0, 1_000, 1, 0, 2_000, 2) }));
    expect(points(fleet, 0)).toEqual([1_000, 1, 2_000, 2, 3_000, 3]);
    fleet.lookAt([], []);
    expect(fleet.series(0)).toBeUndefined();
  });

  it('drops the future that a clock was set back from', () => {
    const fleet = fleetOf(batchOf({ 0: { host: 'a', timestampMs: 9_000 } }));
    fleet.lookAt([0], []);
    fleet.apply(batchOf({}, { points: Float64Array.of(0, 8_000, 8, 0, 9_000, 9) }));
    fleet.apply(
      batchOf(
        { 0: { host: 'a', timestampMs: 8_500 } },
        { points: Float64Array.of(0, 8_500, 5, 0, 9_500, 5) },
      ),
    );
    expect(points(fleet, 0)).toEqual([8_000, 8, 8_500, 5]);
  });

  it('has details of hosts looked at, until they are not', () => {
    const fleet = fleetOf(batchOf({}, { details: [['ghost', null]] }));
    expect([fleet.detail('ghost'), fleet.detail('other')]).toEqual([null, undefined]);
    fleet.lookAt([], ['other']);
    expect(fleet.detail('ghost')).toBeUndefined();
  });
});
