import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Analysis } from '../detail';
import { Timeline } from './timeline.svelte';

const INTERVAL_MS = 1_000;
const LIMIT_MS = 1_500;

describe('a timeline', () => {
  let timeline: Timeline;
  let timestampMs: number;
  let lateSamples: number;

  beforeEach(() => {
    vi.useFakeTimers();
    timeline = new Timeline();
    timestampMs = 1_000_000;
    lateSamples = 0;
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('follows no more series than a server keeps', () => {
    for (let i = 0; i < 3; i += 1) {
      const resources = Array.from({ length: 100 }, (_, one) => ({
        ...{ name: `disk:/${i}/${one}`, percentage: 1, level: 'LOW' as const },
      }));
      timestampMs += INTERVAL_MS;
      timeline.take(analysisOf({ resources }), LIMIT_MS, 0);
    }
    expect(timeline.series).toHaveLength(256);
  });

  const analysisOf = (more: Partial<Analysis> = {}): Analysis => ({
    ...{ host: 'web-1', level: 'LOW', cpu_result: 'LOW', cpu_percentage: 1 },
    ...{ timestamp_ms: timestampMs, resources: [], stopping: false },
    ...more,
  });

  /** One sample a second, for so many seconds. */
  function pass(seconds: number): void {
    for (let i = 0; i < seconds; i += 1) {
      vi.advanceTimersByTime(INTERVAL_MS);
      timestampMs += INTERVAL_MS;
      timeline.take(analysisOf(), LIMIT_MS, lateSamples);
    }
  }

  it('asks history nothing again while samples follow each other', () => {
    pass(60);
    expect(timeline.generation).toBe(0);
    pass(600);
    expect(timeline.generation).toBe(1);
  });

  it('asks again for a gap, also for one soon after it asked', () => {
    pass(2);
    timestampMs += 5_000;
    pass(1);
    expect(timeline.generation).toBe(0);
    pass(10);
    expect(timeline.generation).toBe(1);
    pass(60);
    expect(timeline.generation).toBe(1);
  });

  it('asks again when samples come late, until all of them are written', () => {
    pass(20);
    for (let i = 0; i < 15; i += 1) {
      lateSamples += 10;
      pass(1);
    }
    const during = timeline.generation;
    expect(during).toBe(2);
    pass(15);
    expect(timeline.generation).toBe(during + 1);
    pass(60);
    expect(timeline.generation).toBe(during + 1);
  });

  it('asks again when the clock of the host was set back', () => {
    pass(30);
    timestampMs -= 20_000;
    pass(5);
    expect(timeline.generation).toBe(1);
    expect(timeline.tail.at(-1)?.timestampMs).toBe(timestampMs);
    pass(30);
    expect(timeline.generation).toBe(1);
  });
});
