import { describe, expect, it } from 'vitest';
import { BATCH_HOSTS, Coalescer, type Batch } from './coalesce';
import type { Changes, Host } from './contract';
import { hostAt, snapshotOf } from './sample';
import { POINTS_KEPT } from './series';

const changesOf = (...hosts: Host[]): Changes => ({
  type: 'changes',
  server_time_ms: 1_000,
  hosts,
  rejected: [],
});

function drain(coalescer: Coalescer): Batch[] {
  const batches: Batch[] = [];
  for (let batch = coalescer.next(); batch !== null; batch = coalescer.next()) batches.push(batch);
  return batches;
}

const many = (count: number) => Array.from({ length: count }, (_, i) => hostAt(`h${i}`, 1_000));

describe('a coalescer', () => {
  it('has nothing to hand over at first, nor after everything was taken', () => {
    const coalescer = new Coalescer();
    expect(coalescer.next()).toBeNull();
    coalescer.snapshot(snapshotOf());
    expect(drain(coalescer)).toHaveLength(1);
    expect(coalescer.next()).toBeNull();
  });

  it('hands a large snapshot over in bounded batches and says which is the last', () => {
    const coalescer = new Coalescer();
    coalescer.snapshot(snapshotOf(...many(250)));
    const batches = drain(coalescer);
    expect(batches.map((batch) => batch.analyses.length)).toEqual([BATCH_HOSTS, BATCH_HOSTS, 50]);
    expect(batches.map((batch) => batch.complete)).toEqual([false, false, true]);
    expect(batches[0]?.serverVersion).toBe('1');
    expect(batches[1]?.link).toBeUndefined();
  });

  it('is not complete before the snapshot is, whatever changes in between', () => {
    const coalescer = new Coalescer();
    coalescer.snapshot(snapshotOf(...many(150)));
    coalescer.next();
    coalescer.changes(changesOf(...many(150).map((host) => hostAt(host.host, 2_000))));
    const [second, third] = drain(coalescer);
    expect(second?.complete).toBe(true);
    expect(second?.analyses.length).toBe(BATCH_HOSTS);
    expect(third?.analyses.length).toBe(50);
  });

  it('keeps only the last analysis the server told of a host, and all its points', () => {
    const coalescer = new Coalescer();
    coalescer.changes(changesOf(hostAt('a', 2_000, { cpu_percentage: 20 })));
    coalescer.changes(changesOf(hostAt('a', 1_000, { cpu_percentage: 10 })));
    const batch = coalescer.next();
    expect(batch?.analyses.map((analysis) => analysis.cpu_percentage)).toEqual([10]);
    expect([...(batch?.points ?? [])]).toEqual([2_000, 10, 1_000, 10]);
    expect(batch?.arrived).toBe(2);
  });

  it('forgets changes that a snapshot replaces', () => {
    const coalescer = new Coalescer();
    coalescer.changes(changesOf(hostAt('gone', 1_000)));
    coalescer.snapshot(snapshotOf(hostAt('a', 1_000)));
    const batch = coalescer.next();
    expect(batch?.analyses.map((analysis) => analysis.host)).toEqual(['a']);
    expect(batch?.replacesPoints).toEqual([true]);
  });

  it('hands over how history does, with a snapshot and when it changes', () => {
    const coalescer = new Coalescer();
    coalescer.snapshot(snapshotOf());
    expect(coalescer.next()?.history).toEqual({ state: 'off' });
    coalescer.history({ state: 'lagging', reason: 'the disk is full' });
    expect(coalescer.next()?.history?.state).toBe('lagging');
    expect(coalescer.next()).toBeNull();
  });

  it('stays bounded when nobody takes anything', () => {
    const coalescer = new Coalescer();
    for (let i = 0; i < 1_000; i += 1) coalescer.changes(changesOf(hostAt('a', i * 1_000)));
    expect(coalescer.next()?.pointCounts).toEqual([POINTS_KEPT]);
  });
});
