import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Clock } from './clock.svelte';
import { Connection, type Port } from './connection.svelte';
import { Fleet } from './fleet.svelte';
import type { ToWorker } from './protocol';
import { batchOf, FLOWING, UP } from './sample';

let heard: ToWorker[];
let port: Port;
let fleet: Fleet;
let connection: Connection;

const looks = () => heard.filter((message) => message.kind === 'look');
const say = (data: Parameters<NonNullable<Port['onmessage']>>[0]['data']) => {
  port.onmessage?.({ data } as MessageEvent<typeof data>);
};

beforeEach(() => {
  vi.useFakeTimers({ now: 10_000 });
  vi.stubGlobal('document', { hidden: true, removeEventListener: vi.fn() });
  heard = [];
  port = { postMessage: (message) => heard.push(message), onmessage: null };
  vi.stubGlobal('requestAnimationFrame', (run: () => void) => setTimeout(run, 16));
  fleet = new Fleet();
  connection = new Connection(fleet, new Clock());
  connection.start(port, 'ws://server/ws');
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('applies a batch, tells what it says, and asks for the next', () => {
  say({ kind: 'state', state: { phase: 'open' } });
  say({
    kind: 'batch',
    batch: batchOf({ 0: { host: 'a', receivedMs: 10_000 } }, { link: UP, pipeline: FLOWING }),
  });
  expect(heard.map(({ kind }) => kind)).toEqual(['start', 'applied']);
  expect([connection.link, connection.pipeline, connection.isOpen]).toEqual([UP, FLOWING, true]);
  expect([fleet.total, fleet.version, fleet.isJudging]).toEqual([1, 1, true]);
});

it('counts in a hidden tab, whose clock hardly ticks, and doubts what it no longer hears', () => {
  say({ kind: 'state', state: { phase: 'open' } });
  const high = { host: 'a', receivedMs: 10_000, level: 2 };
  say({ kind: 'batch', batch: batchOf({ 0: high }, { link: UP, pipeline: FLOWING }) });
  expect([fleet.counts.HIGH, fleet.isJudging]).toEqual([1, true]);
  say({ kind: 'state', state: { phase: 'connecting' } });
  expect([fleet.counts.HIGH, fleet.isJudging]).toEqual([1, false]);
});

it('works no harder in a hidden tab than in one that is seen', () => {
  say({ kind: 'state', state: { phase: 'open' } });
  say({ kind: 'batch', batch: batchOf({ 0: { host: 'a' } }, { link: UP, pipeline: FLOWING }) });
  vi.advanceTimersByTime(500);
  const settle = vi.spyOn(fleet, 'settle');
  for (let i = 0; i < 100; i += 1) {
    vi.advanceTimersByTime(40);
    say({ kind: 'batch', batch: batchOf({ 0: { host: 'a', level: 2 } }) });
  }
  expect(settle.mock.calls.length).toBeLessThanOrEqual(4);
  expect(fleet.counts.HIGH).toBe(1);
  settle.mockClear();
  say({ kind: 'batch', batch: batchOf({}, { link: { state: 'down', since_ms: 1 } }) });
  say({ kind: 'state', state: { phase: 'connecting' } });
  expect(settle).toHaveBeenCalledTimes(2);
});

it('knows of no server from the first failure to the next success', () => {
  const states = [
    { phase: 'connecting' },
    { phase: 'waiting', retryAtMs: 0, why: 'unreachable' },
    { phase: 'connecting' },
    { phase: 'open' },
    { phase: 'connecting' },
  ] as const;
  const seen = states.map((state) => {
    say({ kind: 'state', state });
    return connection.hasNoServer;
  });
  expect(seen).toEqual([false, true, true, false, false]);
});

it('judges nobody while it is not connected', () => {
  connection.settle();
  expect(fleet.isJudging).toBe(false);
});

it('blames no host for what the page has not heard', () => {
  const clock = new Clock();
  const tickAt = (nowMs: number) => {
    vi.setSystemTime(nowMs);
    clock.tick();
    connection.settle();
  };
  connection = new Connection(fleet, clock);
  connection.start(port, 'ws://server/ws');
  say({ kind: 'state', state: { phase: 'open' } });
  const host = { 0: { host: 'a', receivedMs: 10_000 } };
  say({ kind: 'batch', batch: batchOf(host, { link: UP, pipeline: FLOWING }) });
  tickAt(15_500);
  expect([fleet.late, fleet.isJudging, connection.isQuiet]).toEqual([0, true, false]);
  tickAt(17_000);
  expect([fleet.late, fleet.isJudging, connection.isQuiet]).toEqual([0, false, true]);
  say({ kind: 'batch', batch: batchOf({}, { heardServerMs: 17_000 }) });
  tickAt(17_250);
  expect(connection.isQuiet).toBe(false);
  tickAt(19_000);
  expect([fleet.late, fleet.isJudging]).toEqual([1, true]);
});

it('sends the first look at once, and of quick ones the last', () => {
  connection.look({ rows: [1], detail: [] });
  vi.advanceTimersByTime(0);
  expect(looks()).toEqual([{ kind: 'look', generation: 0, rows: [1], detail: [] }]);
  for (const row of [2, 3, 4]) connection.look({ rows: [row], detail: ['a'] });
  vi.advanceTimersByTime(99);
  expect(looks()).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(looks().at(-1)).toMatchObject({ rows: [4], detail: ['a'] });
  expect([fleet.series(4)?.length, fleet.series(1)]).toEqual([0, undefined]);
});
