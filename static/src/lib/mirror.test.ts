import { describe, expect, it } from 'vitest';
import { FIGURE, FIGURES } from './figures';
import { BATCH_HOSTS, Mirror, type Batch } from './mirror';
import { changesOf, snapshotOf } from './sample';

const TIME = 1 << FIGURE.timestampMs;
const CPU = 1 << FIGURE.cpu;

const nothing = (sentence: string) => {
  throw new Error(`complained: ${sentence}`);
};

function mirrorOf(count: number, complain: (sentence: string) => void = nothing): Mirror {
  const mirror = new Mirror(complain);
  const hosts = Array.from({ length: count }, (_, i): [number, { host: string }] => [
    i,
    { host: `h-${i}` },
  ]);
  mirror.snapshot(
    snapshotOf(
      hosts,
      hosts.map(([index]) => [index, TIME | CPU, 9_000, 10 * index]),
    ),
  );
  return mirror;
}

function next(mirror: Mirror): Batch {
  const batch = mirror.next();
  if (batch === null) throw new Error('no batch');
  return batch;
}

const cpus = (batch: Batch) =>
  Array.from(batch.indices, (index, i) => [index, batch.figures[i * FIGURES + FIGURE.cpu]]);

describe('the mirror', () => {
  it('hands a snapshot over whole, and nothing after it', () => {
    const mirror = mirrorOf(2);
    const batch = next(mirror);
    expect(batch).toMatchObject({ generation: 1, complete: true, pushIntervalMs: 80 });
    expect(batch.hosts.map(([index]) => index)).toEqual([0, 1]);
    expect(cpus(batch)).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(mirror.next()).toBeNull();
  });

  it('hands a large one over in steps, the hosts of each before their figures', () => {
    const mirror = mirrorOf(BATCH_HOSTS + 1);
    const first = next(mirror);
    expect([first.complete, first.indices.length]).toEqual([false, BATCH_HOSTS]);
    mirror.changes(changesOf({ rows: [[0, CPU, 990]] }));
    const second = next(mirror);
    expect(second.complete).toBe(true);
    expect(second.indices).toContain(BATCH_HOSTS);
  });

  it('is complete when the rest of a snapshot is gone, and not when others came instead', () => {
    const mirror = mirrorOf(BATCH_HOSTS + 2);
    expect(next(mirror).complete).toBe(false);
    mirror.changes(changesOf({ rows: [[0, CPU, 990]], gone: [BATCH_HOSTS] }));
    mirror.changes(changesOf({ gone: [BATCH_HOSTS + 1] }));
    const batch = next(mirror);
    expect([batch.complete, cpus(batch)]).toEqual([true, [[0, 99]]]);
  });

  it('is not complete while a host of the snapshot waits behind others', () => {
    const mirror = mirrorOf(2 * BATCH_HOSTS + 1);
    mirror.changes(changesOf({ gone: [0] }));
    expect([next(mirror).complete, next(mirror).complete]).toEqual([false, true]);
  });

  it('hands the newest over, however often a host changed', () => {
    const mirror = mirrorOf(2);
    next(mirror);
    mirror.changes(changesOf({ rows: [[1, CPU, 500]] }));
    mirror.changes(changesOf({ rows: [[1, CPU, 600]] }));
    const batch = next(mirror);
    expect(cpus(batch)).toEqual([[1, 60]]);
    expect(batch.arrived).toBe(2);
    expect(batch.figures[FIGURE.timestampMs]).toBe(11_000);
  });

  it('keeps every point of a row looked at, and of no other', () => {
    const mirror = mirrorOf(2);
    next(mirror);
    mirror.lookAt([1]);
    mirror.changes(
      changesOf({
        rows: [
          [0, CPU, 5],
          [1, CPU, 500],
        ],
      }),
    );
    mirror.changes(
      changesOf({
        rows: [[1, CPU, 600]],
        points: [
          [1, 8_500, 70],
          [0, 8_000, 1],
        ],
      }),
    );
    mirror.points({ type: 'points', server_time_ms: 0, hosts: [[1, [7_000, 10, 1_000, 20]]] });
    expect(Array.from(next(mirror).points)).toEqual([
      1, 7_000, 1, 1, 8_000, 2, 1, 10_000, 50, 1, 11_000, 60, 1, 8_500, 7,
    ]);
    mirror.lookAt([]);
    mirror.changes(changesOf({ rows: [[1, CPU, 1]] }));
    expect(next(mirror).points).toHaveLength(0);
  });

  it('tells an index that was given to another host as gone first', () => {
    const mirror = mirrorOf(1);
    next(mirror);
    mirror.changes(changesOf({ gone: [0] }));
    mirror.changes(changesOf({ hosts: [[0, { host: 'other' }]], rows: [[0, TIME, 3_000]] }));
    const batch = next(mirror);
    expect(Array.from(batch.gone)).toEqual([0]);
    expect(batch.hosts).toEqual([[0, { host: 'other' }]]);
    expect(batch.figures[FIGURE.timestampMs]).toBe(3_000);
    expect(batch.figures[FIGURE.cpu]).toBeNaN();
  });

  it('names a row that it cannot read, and takes the others', () => {
    const complaints: string[] = [];
    const mirror = mirrorOf(2, (sentence) => complaints.push(sentence));
    next(mirror);
    const rows = [[9, 0], 'x', [0, CPU], [1, CPU, 30]];
    expect(mirror.changes(changesOf({ rows, points: [[0]] }))).toBe(false);
    expect(mirror.changes(changesOf({ rows: [[9, 0]], points: [[0]] }))).toBe(true);
    expect(complaints).toHaveLength(6);
    expect(cpus(next(mirror))).toEqual([[1, 3]]);
  });

  it('starts anew with another snapshot', () => {
    const mirror = mirrorOf(3);
    mirror.snapshot(snapshotOf([[0, { host: 'a' }]], [[0, TIME, 1]]));
    const batch = next(mirror);
    expect(batch).toMatchObject({ generation: 2, complete: true, hosts: [[0, { host: 'a' }]] });
    expect(batch.indices).toHaveLength(1);
  });
});
