import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from './backoff';
import { LiveSocket, SILENCE_MS, type SocketState } from './socket';

/** Stands for the browser's WebSocket; a test plays the server. */
class FakeWebSocket {
  static made: FakeWebSocket[] = [];
  static get last(): FakeWebSocket {
    const last = FakeWebSocket.made.at(-1);
    if (last === undefined) throw new Error('no socket was made');
    return last;
  }

  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;

  constructor(readonly address: string) {
    FakeWebSocket.made.push(this);
  }

  close(): void {
    this.closed = true;
  }

  say(data: unknown): void {
    this.onmessage?.({ data });
  }

  hangUp(): void {
    this.onclose?.();
  }
}

function setUp() {
  const states: SocketState[] = [];
  const messages: string[] = [];
  const socket = new LiveSocket(
    () => 'ws://server/ws',
    { message: (text) => messages.push(text), state: (state) => states.push(state) },
    // Always the longest wait that the ceiling allows: 1, 2, 4, 8, 10 s.
    new Backoff(() => 0.999_999),
  );
  socket.start();
  return { socket, states, messages };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal('WebSocket', FakeWebSocket);
  FakeWebSocket.made = [];
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a live socket', () => {
  it('is open when the first message arrives', () => {
    const { states, messages } = setUp();
    expect(states.map((state) => state.phase)).toEqual(['connecting']);
    FakeWebSocket.last.say('hello');
    expect(states.at(-1)?.phase).toBe('open');
    expect(messages).toEqual(['hello']);
  });

  it('says when it will try again, and then does', () => {
    const { states } = setUp();
    FakeWebSocket.last.say('hello');
    FakeWebSocket.last.hangUp();
    expect(states.at(-1)).toEqual({ phase: 'waiting', retryAtMs: 1_001_000, why: 'lost' });
    vi.advanceTimersByTime(999);
    expect(FakeWebSocket.made).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(FakeWebSocket.made).toHaveLength(2);
    expect(states.at(-1)?.phase).toBe('connecting');
  });

  it('waits longer each time the server cannot be reached', () => {
    const { states } = setUp();
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      FakeWebSocket.last.hangUp();
      const state = states.at(-1);
      if (state?.phase !== 'waiting') throw new Error('not waiting');
      expect(state.why).toBe('unreachable');
      waits.push(state.retryAtMs - Date.now());
      vi.advanceTimersByTime(state.retryAtMs - Date.now());
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it('takes a failure after a healthy spell for a first one', () => {
    const { states } = setUp();
    for (let i = 0; i < 3; i += 1) {
      FakeWebSocket.last.hangUp();
      vi.advanceTimersByTime(10_000);
    }
    FakeWebSocket.last.say('hello');
    vi.advanceTimersByTime(10_000);
    FakeWebSocket.last.hangUp();
    expect(states.at(-1)).toMatchObject({ retryAtMs: Date.now() + 1_000 });
  });

  it('does not take a server that hangs up at once for healthy', () => {
    const { states } = setUp();
    for (let i = 0; i < 3; i += 1) {
      FakeWebSocket.last.say('hello');
      FakeWebSocket.last.hangUp();
      vi.advanceTimersByTime(10_000);
    }
    FakeWebSocket.last.hangUp();
    expect(states.at(-1)).toMatchObject({ retryAtMs: Date.now() + 8_000 });
  });

  it('connects anew after 15 s of silence', () => {
    const { states } = setUp();
    const first = FakeWebSocket.last;
    first.say('hello');
    vi.advanceTimersByTime(SILENCE_MS - 1);
    first.say('heartbeat');
    vi.advanceTimersByTime(SILENCE_MS - 1);
    expect(states.at(-1)?.phase).toBe('open');
    vi.advanceTimersByTime(1);
    expect(states.at(-1)).toMatchObject({ phase: 'waiting', why: 'silent' });
    expect(first.closed).toBe(true);
  });

  it('gives up on a handshake that never ends', () => {
    const { states } = setUp();
    vi.advanceTimersByTime(SILENCE_MS);
    expect(states.at(-1)?.phase).toBe('waiting');
    expect(FakeWebSocket.last.closed).toBe(true);
  });

  it('tries at once when nudged while waiting, and only once', () => {
    const { socket, states } = setUp();
    FakeWebSocket.last.hangUp();
    socket.nudge();
    socket.nudge();
    expect(states.at(-1)?.phase).toBe('connecting');
    vi.advanceTimersByTime(2_000);
    expect(FakeWebSocket.made).toHaveLength(2);
  });

  it('leaves a lively connection alone when nudged', () => {
    const { socket } = setUp();
    FakeWebSocket.last.say('hello');
    socket.nudge();
    expect(FakeWebSocket.made).toHaveLength(1);
  });

  it('does not trust a connection that fell silent while the machine slept', () => {
    const { socket } = setUp();
    FakeWebSocket.last.say('hello');
    // Timers stood still; the clock did not.
    vi.setSystemTime(1_000_000 + 3_600_000);
    socket.nudge();
    expect(FakeWebSocket.made).toHaveLength(2);
    expect(FakeWebSocket.made[0]?.closed).toBe(true);
  });

  it('does not listen to a socket it has given up', () => {
    const { socket, states, messages } = setUp();
    const old = FakeWebSocket.last;
    vi.setSystemTime(1_000_000 + 3_600_000);
    socket.nudge();
    FakeWebSocket.last.say('new');
    old.say('old');
    old.hangUp();
    expect(messages).toEqual(['new']);
    expect(states.at(-1)?.phase).toBe('open');
  });

  it('does nothing more once stopped', () => {
    const { socket } = setUp();
    socket.stop();
    vi.advanceTimersByTime(60_000);
    expect(FakeWebSocket.made).toHaveLength(1);
  });
});
