import { describe, expect, it } from 'vitest';
import type { View } from './filter';
import { Fleet } from './fleet.svelte';
import { batchOf, hostAt } from './sample';

const byName: View = { search: '', levels: new Set(), sortKey: 'name', direction: 'ascending' };

function fleetOf(...batches: Parameters<Fleet['apply']>[0][]): Fleet {
  const fleet = new Fleet();
  for (const batch of batches) fleet.apply(batch);
  fleet.settle(10_000, 10_000);
  return fleet;
}

describe('a fleet', () => {
  it('knows nothing before the first snapshot is complete', () => {
    const fleet = new Fleet();
    fleet.apply(batchOf([hostAt('a', 1_000)], { complete: false }));
    expect(fleet.known).toBe(false);
    fleet.apply(batchOf([hostAt('b', 1_000)]));
    expect(fleet.known).toBe(true);
    expect(fleet.total).toBe(2);
  });

  it('takes points that come late to their place', () => {
    const latest = { cpu_percentage: 30, level: 'HIGH' } as const;
    const fleet = fleetOf(
      batchOf([hostAt('a', 3_000, latest)]),
      batchOf([hostAt('a', 3_000, { ...latest, points: [[2_000, 20]] })]),
    );
    const host = fleet.get('a');
    expect(host?.cpuPercentage).toBe(30);
    expect(host?.series.columns(1_000)[0]).toEqual([2_000, 3_000]);
    expect(fleet.counts).toEqual({ HIGH: 1, MEDIUM: 0, LOW: 0 });
  });

  it('follows the server when clocks were set back, and drops the future that was not', () => {
    const fleet = fleetOf(
      batchOf([hostAt('a', 8_000), hostAt('a', 9_000)]),
      batchOf([
        hostAt('a', 2_000, {
          cpu_percentage: 20,
          points: [
            [9_500, 10],
            [2_000, 20],
          ],
        }),
      ]),
    );
    expect(fleet.get('a')?.cpuPercentage).toBe(20);
    expect(fleet.get('a')?.receivedMs).toBe(2_005);
    expect(fleet.get('a')?.series.columns(1_000)[0]).toEqual([2_000]);
  });

  it('counts levels as they change', () => {
    const fleet = fleetOf(
      batchOf([hostAt('a', 1_000), hostAt('b', 1_000, { level: 'MEDIUM' })]),
      batchOf([hostAt('a', 2_000, { level: 'HIGH' })]),
    );
    expect(fleet.counts).toEqual({ HIGH: 1, MEDIUM: 1, LOW: 0 });
  });

  it('lets a snapshot replace everything: figures, points and hosts', () => {
    const fleet = fleetOf(
      batchOf([hostAt('a', 9_000, { level: 'HIGH' }), hostAt('gone', 9_000, { level: 'HIGH' })]),
      batchOf([hostAt('a', 2_000)], { generation: 2, replacesPoints: [true] }),
    );
    expect(fleet.get('gone')).toBeUndefined();
    expect(fleet.get('a')?.analysis.timestamp_ms).toBe(2_000);
    expect(fleet.get('a')?.series.length).toBe(1);
    expect(fleet.counts).toEqual({ HIGH: 0, MEDIUM: 0, LOW: 1 });
    expect(fleet.list(byName).map((host) => host.name)).toEqual(['a']);
  });

  it('keeps hosts of the old snapshot until the new one is complete', () => {
    const fleet = fleetOf(batchOf([hostAt('a', 1_000), hostAt('b', 1_000)]));
    fleet.apply(batchOf([hostAt('a', 2_000)], { generation: 2, complete: false }));
    expect(fleet.total).toBe(2);
    fleet.apply(batchOf([], { generation: 2 }));
    expect(fleet.total).toBe(1);
  });

  it('judges late by the interval promised, else by the one seen, else by a second', () => {
    const { interval_ms, ...unpromised } = hostAt('b', 10_000);
    expect(interval_ms).toBeDefined();
    const slow = { ...unpromised, points: [0, 5_000, 10_000].map((t) => [t, 1] as const) };
    const fleet = fleetOf(batchOf([hostAt('a', 10_000), slow, { ...unpromised, host: 'c' }]));
    const late = (nowMs: number) =>
      fleet
        .list(byName)
        .filter((host) => host.isLate(nowMs))
        .map((host) => host.name);
    expect(late(13_005)).toEqual([]);
    expect(late(13_006)).toEqual(['a', 'c']);
    expect(late(25_006)).toEqual(['a', 'b', 'c']);
  });

  it('is back-filling for ten seconds after a sample that came late', () => {
    const fleet = fleetOf(
      batchOf([hostAt('a', 9_000, { late_samples: 3, late_ms: 9_004 }), hostAt('b', 9_000)]),
    );
    const backFilling = (nowMs: number) =>
      fleet
        .list(byName)
        .filter((host) => host.isBackFilling(nowMs))
        .map((host) => host.name);
    expect(backFilling(9_004)).toEqual(['a']);
    expect(backFilling(19_004)).toEqual(['a']);
    expect(backFilling(19_005)).toEqual([]);
  });

  it('lists names in the order people expect', () => {
    const fleet = fleetOf(batchOf(['web-10', 'web-9', 'db'].map((name) => hostAt(name, 1_000))));
    expect(fleet.list(byName).map((host) => host.name)).toEqual(['db', 'web-9', 'web-10']);
  });
});
