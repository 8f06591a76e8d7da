/** Values that tests share; no part of the page. */

import type { Batch } from './coalesce';
import type { Host, Snapshot } from './contract';

export function hostAt(host: string, timestampMs: number, more: Partial<Host> = {}): Host {
  return {
    host,
    level: 'LOW',
    cpu_result: 'LOW',
    cpu_percentage: 10,
    resources: [],
    timestamp_ms: timestampMs,
    received_ms: timestampMs + 5,
    interval_ms: 1_000,
    points: [[timestampMs, 10]],
    ...more,
  };
}

export function snapshotOf(...hosts: Host[]): Snapshot {
  return {
    type: 'snapshot',
    server_version: '1',
    server_time_ms: 1_000,
    link: { state: 'up', since_ms: 0 },
    hosts,
    rejected: [],
  };
}

export function batchOf(hosts: Host[], more: Partial<Batch> = {}): Batch {
  return {
    clockOffsetMs: 0,
    generation: 1,
    complete: true,
    arrived: hosts.length,
    analyses: hosts,
    pointCounts: hosts.map((host) => host.points.length),
    replacesPoints: hosts.map(() => false),
    points: new Float64Array(hosts.flatMap((host) => host.points.flat())),
    ...more,
  };
}
