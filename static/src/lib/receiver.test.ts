import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { FromWorker } from './protocol';
import { Receiver } from './receiver';

interface Server {
  readonly address: string;
  readonly heard: unknown[];
  onmessage?: (event: { data: unknown }) => void;
  onclose?: () => void;
}

let servers: Server[];
let sent: FromWorker[];
let receiver: Receiver;

const conditions = {
  link: { state: 'up', since_ms: 0 },
  history: { state: 'on' },
  pipeline: { state: 'flowing', since_ms: 0 },
};
const snapshot = {
  type: 'snapshot',
  protocol: 2,
  session: 'abc',
  number: 5,
  push_interval_ms: 80,
  server_time_ms: 6_000,
  ...conditions,
  hosts: [[0, { host: 'a' }]],
  rows: [[0, 1, 5_900]],
};
const alerts = {
  type: 'alerts',
  server_time_ms: 6_000,
  status: { state: 'on' },
  count: 0,
  total: 0,
  active: [],
};
const row = (number: number) => ({
  type: 'changes',
  number,
  server_time_ms: 7_000,
  rows: [[0, 0]],
});

const server = () => {
  const last = servers.at(-1);
  if (last === undefined) throw new Error('no connection');
  return last;
};
const say = (message: unknown) => server().onmessage?.({ data: JSON.stringify(message) });
const kinds = () => sent.map((message) => message.kind);
const lastBatch = () => {
  const batches = sent.flatMap((message) => (message.kind === 'batch' ? [message.batch] : []));
  const last = batches.at(-1);
  if (last === undefined) throw new Error('no batch came');
  return last;
};
const look = (rows: number[], detail: string[] = [], generation = 1) => {
  receiver.take({ kind: 'look', generation, rows, detail });
};

beforeEach(() => {
  vi.useFakeTimers({ now: 5_000 });
  servers = [];
  vi.stubGlobal(
    'WebSocket',
    class implements Server {
      readonly heard: unknown[] = [];
      constructor(readonly address: string) {
        servers.push(this);
      }
      send(text: string) {
        this.heard.push(JSON.parse(text));
      }
      close() {
        // Nothing to end.
      }
    },
  );
  sent = [];
  receiver = new Receiver((message) => sent.push(message));
  receiver.take({ kind: 'start', address: 'ws://server/ws' });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('hands over one batch, and the next only when that is applied', () => {
  say(snapshot);
  expect(kinds()).toEqual(['state', 'state', 'batch']);
  say(row(6));
  say(row(7));
  expect(kinds()).toHaveLength(3);
  receiver.take({ kind: 'applied' });
  expect(lastBatch()).toMatchObject({ clockOffsetMs: 2_000, arrived: 2 });
  receiver.take({ kind: 'applied' });
  expect(kinds()).toHaveLength(4);
});

it('asks to go on where it was after a drop', () => {
  say(snapshot);
  say(alerts);
  say(row(6));
  server().onclose?.();
  vi.advanceTimersByTime(1_000);
  expect(servers.map(({ address }) => address)).toEqual([
    'ws://server/ws',
    'ws://server/ws?resume=abc.6',
  ]);
  say({
    type: 'resumed',
    protocol: 2,
    session: 'abc',
    number: 6,
    server_time_ms: 1,
    ...conditions,
  });
  say(row(7));
  receiver.take({ kind: 'applied' });
  expect(lastBatch()).toMatchObject({ generation: 1, arrived: 2 });
  expect(kinds()).not.toContain('problem');
});

it('asks for everything when it lost the alerts behind a snapshot', () => {
  say(snapshot);
  say(alerts);
  say({ ...snapshot, session: 'other' });
  server().onclose?.();
  vi.advanceTimersByTime(1_000);
  expect(server().address).toBe('ws://server/ws');
  expect(servers).toHaveLength(2);
});

it('is told what it missed without going back to how things were', () => {
  say(snapshot);
  server().onclose?.();
  vi.advanceTimersByTime(1_000);
  say({
    type: 'resumed',
    protocol: 2,
    session: 'abc',
    number: 5,
    server_time_ms: 60_000,
    ...conditions,
  });
  receiver.take({ kind: 'applied' });
  const down = { state: 'down', since_ms: 6_500 };
  say({ type: 'link', number: 6, server_time_ms: 6_500, link: down });
  say(row(7));
  receiver.take({ kind: 'applied' });
  expect(lastBatch()).toMatchObject({ arrived: 1, heardServerMs: 60_000 });
  expect(lastBatch().clockOffsetMs).toBe(60_000 - Date.now());
  expect(lastBatch()).not.toHaveProperty('link');
  say({ type: 'link', number: 8, server_time_ms: 60_100, link: down });
  receiver.take({ kind: 'applied' });
  expect(lastBatch()).toMatchObject({ heardServerMs: 60_100, link: down });
});

it('connects anew when a message was lost', () => {
  say(snapshot);
  say(alerts);
  say(row(8));
  expect(sent).toContainEqual(
    expect.objectContaining({ state: expect.objectContaining({ why: 'lost' }) as unknown }),
  );
  vi.advanceTimersByTime(1_000);
  expect(server().address).toBe('ws://server/ws?resume=abc.5');
});

it.each(['changes', 'alerts'])('starts over when %s cannot be read', (type) => {
  say(snapshot);
  say({ type, number: 6, server_time_ms: 7_000, rows: 3 });
  vi.advanceTimersByTime(1_000);
  expect(servers.map(({ address }) => address)).toEqual(['ws://server/ws', 'ws://server/ws']);
});

it('counts a message it does not know or cannot read, and goes on', () => {
  say(snapshot);
  say({ type: 'alert', number: 6, server_time_ms: 7_000 });
  say({ type: 'link', number: 7, server_time_ms: 7_000, link: { state: 'odd', since_ms: 1 } });
  say(row(8));
  expect(servers).toHaveLength(1);
  receiver.take({ kind: 'applied' });
  expect(lastBatch().arrived).toBe(1);
  expect(sent.filter(({ kind }) => kind === 'problem')).toHaveLength(1);
});

it('asks for a snapshot after changes it could not read, once', () => {
  const unreadable = (number: number) => ({ ...row(number), rows: {} });
  say(snapshot);
  say(unreadable(6));
  vi.advanceTimersByTime(1_000);
  expect(servers.map(({ address }) => address)).toEqual(['ws://server/ws', 'ws://server/ws']);
  say(snapshot);
  say(unreadable(6));
  say(row(7));
  vi.advanceTimersByTime(10_000);
  expect(servers).toHaveLength(2);
  receiver.take({ kind: 'applied' });
  expect(lastBatch()).toMatchObject({ generation: 2, arrived: 1 });
});

it('asks for a snapshot after a row it could not read', () => {
  say(snapshot);
  say({ ...row(6), rows: [[0, 8, 'x']] });
  vi.advanceTimersByTime(1_000);
  expect(servers.map(({ address }) => address)).toEqual(['ws://server/ws', 'ws://server/ws']);
});

it('does not take a snapshot that it cannot read for a connection', () => {
  say({ ...snapshot, rows: {} });
  expect(sent.at(-1)).toMatchObject({ kind: 'state', state: { why: 'incompatible' } });
});

it('says what is on the screen once, and again after a reconnect', () => {
  say(snapshot);
  look([0], ['a']);
  look([0], ['a']);
  expect(server().heard).toEqual([{ type: 'look', rows: [0], detail: ['a'] }]);
  server().onclose?.();
  look([0, 1]);
  vi.advanceTimersByTime(1_000);
  expect(server().heard).toEqual([]);
  say({
    type: 'resumed',
    protocol: 2,
    session: 'abc',
    number: 5,
    server_time_ms: 1,
    ...conditions,
  });
  expect(server().heard).toEqual([{ type: 'look', rows: [0, 1], detail: [] }]);
});

it('does not ask for rows by indices of an older snapshot', () => {
  say(snapshot);
  look([0], ['a']);
  say({ ...snapshot, session: 'other' });
  expect(server().heard.at(-1)).toEqual({ type: 'look', rows: [], detail: ['a'] });
  look([0], ['a'], 1);
  expect(server().heard).toHaveLength(2);
  look([0], ['a'], 2);
  expect(server().heard.at(-1)).toEqual({ type: 'look', rows: [0], detail: ['a'] });
});

it('never asks for more than the server allows', () => {
  say(snapshot);
  look(
    Array.from({ length: 300 }, (_, i) => i),
    Array.from({ length: 9 }, (_, i) => `h${i}`),
  );
  const [told] = server().heard as { rows: number[]; detail: string[] }[];
  expect([told?.rows.length, told?.detail.length]).toEqual([256, 8]);
});

it('reports what it cannot read and goes on', () => {
  server().onmessage?.({ data: 'nonsense' });
  say({
    ...snapshot,
    hosts: [
      [0, {}],
      [1, { host: 'b' }],
    ],
    rows: [
      [0, 1, 1],
      [1, 1, 1],
    ],
  });
  expect(kinds()).toEqual(['state', 'state', 'problem', 'problem', 'problem', 'batch']);
});

it('says so when the server speaks another protocol, and waits', () => {
  say({ type: 'snapshot', protocol: 1, server_version: '0', server_time_ms: 1, hosts: [] });
  expect(sent).toContainEqual({
    kind: 'state',
    state: expect.objectContaining({ phase: 'waiting', why: 'incompatible' }) as unknown,
  });
});
