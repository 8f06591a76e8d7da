/**
 * One WebSocket that is always being kept or made anew.
 *
 * It knows nothing of the page: text frames go in and come out, its state comes out, and
 * `nudge` goes in.
 * It runs in the worker, where timers keep their pace when the tab is in the background.
 */

import { Backoff } from './backoff';

/** Time without any message after which a connection counts as dead; the server promises one every 5 s. */
export const SILENCE_MS = 15_000;

/** A connection that lived this long makes the next failure a first one. */
const HEALTHY_MS = 10_000;

export type SocketState =
  | { readonly phase: 'connecting' }
  /** A first message has arrived; a handshake alone does not count. */
  | { readonly phase: 'open' }
  | { readonly phase: 'waiting'; readonly retryAtMs: number; readonly why: Failure };

/** Why the last connection ended. A browser does not tell refused from unreachable. */
export type Failure = 'lost' | 'unreachable' | 'silent' | 'incompatible';

export interface SocketListener {
  /** Takes one text frame; what it throws is its own affair and does not end the connection. */
  message(text: string): void;
  state(state: SocketState): void;
}

export class LiveSocket {
  readonly #address: () => string;
  readonly #listener: SocketListener;
  readonly #backoff: Backoff;
  #socket: WebSocket | null = null;
  #phase: SocketState['phase'] = 'waiting';
  #openedAtMs = 0;
  #heardAtMs = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;

  /** `address` is asked for each attempt. */
  constructor(address: () => string, listener: SocketListener, backoff = new Backoff()) {
    this.#address = address;
    this.#listener = listener;
    this.#backoff = backoff;
  }

  start(): void {
    this.#connect();
  }

  /**
   * Something changed for the better: the network came back, the tab came to the front, or someone
   * asked. A wait ends at once; a connection that fell silent while the machine slept is not trusted.
   */
  nudge(): void {
    if (this.#phase === 'waiting') {
      this.#connect();
    } else if (Date.now() - this.#heardAtMs >= SILENCE_MS) {
      this.#drop();
      this.#connect();
    }
  }

  /** Ends this connection as a failure of the given kind, and waits before the next. */
  fail(why: Failure): void {
    const healthy = this.#phase === 'open' && Date.now() - this.#openedAtMs >= HEALTHY_MS;
    if (healthy) this.#backoff.reset();
    this.#drop();
    const waitMs = this.#backoff.nextMs();
    this.#retryTimer = setTimeout(() => {
      this.#connect();
    }, waitMs);
    this.#enter({ phase: 'waiting', retryAtMs: Date.now() + waitMs, why });
  }

  /** Sends a text frame; whether there was an open connection to send it on. */
  send(text: string): boolean {
    if (this.#phase !== 'open' || this.#socket === null) return false;
    this.#socket.send(text);
    return true;
  }

  /** Ends the connection for good. */
  stop(): void {
    this.#drop();
    this.#phase = 'waiting';
  }

  #connect(): void {
    clearTimeout(this.#retryTimer);
    this.#enter({ phase: 'connecting' });
    this.#listenForSilence();
    const socket = new WebSocket(this.#address());
    this.#socket = socket;
    // Events of a socket already given up must not touch its successor.
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.fail(this.#phase === 'open' ? 'lost' : 'unreachable');
    };
  }

  #receive(data: unknown): void {
    this.#listenForSilence();
    if (this.#phase !== 'open') {
      this.#openedAtMs = this.#heardAtMs;
      this.#enter({ phase: 'open' });
    }
    if (typeof data === 'string') this.#listener.message(data);
  }

  #listenForSilence(): void {
    this.#heardAtMs = Date.now();
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => {
      this.fail('silent');
    }, SILENCE_MS);
  }

  #drop(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #enter(state: SocketState): void {
    this.#phase = state.phase;
    this.#listener.state(state);
  }
}
