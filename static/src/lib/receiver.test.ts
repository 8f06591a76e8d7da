import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { FromWorker } from './protocol';
import { Receiver } from './receiver';
import { hostAt, snapshotOf } from './sample';

let server: { onmessage?: (event: { data: unknown }) => void; onclose?: () => void; close(): void };
let sent: FromWorker[];
let receiver: Receiver;

const say = (message: unknown) => server.onmessage?.({ data: JSON.stringify(message) });
const kinds = () => sent.map((message) => message.kind);

beforeEach(() => {
  vi.useFakeTimers({ now: 5_000 });
  vi.stubGlobal(
    'WebSocket',
    class {
      constructor() {
        // eslint-disable-next-line @typescript-eslint/no-this-alias -- the test plays its server
        server = this;
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
  say({ ...snapshotOf(hostAt('a', 1_000)), protocol: 1 });
  expect(kinds()).toEqual(['state', 'state', 'batch']);
  say({ type: 'changes', server_time_ms: 6_000, hosts: [hostAt('a', 2_000)] });
  say({ type: 'changes', server_time_ms: 6_000, hosts: [hostAt('a', 3_000)] });
  expect(kinds()).toHaveLength(3);
  receiver.take({ kind: 'applied' });
  const last = sent.at(-1);
  if (last?.kind !== 'batch') throw new Error('no batch came');
  expect(last.batch).toMatchObject({ clockOffsetMs: 1_000, arrived: 2, pointCounts: [2] });
  receiver.take({ kind: 'applied' });
  expect(kinds()).toHaveLength(4);
});

it('reports what it cannot read and goes on', () => {
  server.onmessage?.({ data: 'nonsense' });
  say({ type: 'changes', server_time_ms: 1, hosts: [{ host: 'a' }, hostAt('b', 1_000)] });
  expect(kinds()).toEqual(['state', 'state', 'problem', 'problem', 'batch']);
});

it('says so when the server speaks another protocol, and waits', () => {
  say({ ...snapshotOf(), protocol: 2 });
  expect(sent.at(-2) ?? sent.at(-1)).toBeDefined();
  expect(sent).toContainEqual({
    kind: 'state',
    state: expect.objectContaining({ phase: 'waiting', why: 'incompatible' }) as unknown,
  });
});
