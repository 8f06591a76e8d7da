/** The page's end of the connection: its state to show, and batches applied at the page's pace. */

import type { Batch } from './coalesce';
import type { Clock } from './clock.svelte';
import type { History, Link } from './contract';
import type { Fleet } from './fleet.svelte';
import type { FromWorker, ToWorker } from './protocol';
import { inFrame } from './frames';
import { Problems } from './problems';
import { Rate } from './rate';
import type { SocketState } from './socket';

/** The worker, or what stands for it in a test. */
export interface Port {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
}

export class Connection {
  readonly #port: Port;
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #rate = new Rate(Date.now());
  readonly #problems = new Problems();

  state: SocketState = $state.raw({ phase: 'connecting' });
  /** Whether this page was ever connected: losing a server differs from never finding one. */
  wasOpen = $state(false);
  /** Link between server and broker, as last heard. */
  link: Link | undefined = $state.raw();
  /** Whether the server keeps what it shows, as last heard. */
  history: History | undefined = $state.raw();
  serverVersion: string | undefined = $state();
  updatesPerSecond = $state(0);
  /** Whether the listening part of the page could not be started at all. */
  broken = $state(false);

  constructor(port: Port, fleet: Fleet, clock: Clock) {
    this.#port = port;
    this.#fleet = fleet;
    this.#clock = clock;
    port.onmessage = (event) => {
      this.#take(event.data);
    };
  }

  get isOpen(): boolean {
    return this.state.phase === 'open';
  }

  start(address: string): void {
    this.#port.postMessage({ kind: 'start', address });
  }

  /** Ends a wait at once. */
  retryNow(): void {
    this.#port.postMessage({ kind: 'nudge' });
  }

  /** Tries again when the network comes back or the tab is looked at, until the answer is called. */
  watchForBetterTimes(): () => void {
    const nudge = () => {
      if (!document.hidden) this.retryNow();
    };
    window.addEventListener('online', nudge);
    document.addEventListener('visibilitychange', nudge);
    return () => {
      window.removeEventListener('online', nudge);
      document.removeEventListener('visibilitychange', nudge);
    };
  }

  measureRate(nowMs: number): void {
    this.updatesPerSecond = Math.round(this.#rate.perSecond(nowMs));
  }

  #take(message: FromWorker): void {
    switch (message.kind) {
      case 'state':
        this.state = message.state;
        if (message.state.phase === 'open') this.wasOpen = true;
        break;
      case 'batch':
        this.#applyInNextFrame(message.batch);
        break;
      case 'problem':
        this.#problems.report(message.sentence);
        break;
    }
  }

  /** A hidden tab has no frames, but its title still counts. */
  #applyInNextFrame(batch: Batch): void {
    let done = false;
    const apply = () => {
      if (done) return;
      done = true;
      document.removeEventListener('visibilitychange', apply);
      this.#apply(batch);
    };
    if (document.hidden) {
      apply();
    } else {
      // A tab hidden just now would wait for its frame for as long as it stays hidden.
      document.addEventListener('visibilitychange', apply);
      requestAnimationFrame(apply);
    }
  }

  #apply(batch: Batch): void {
    const nowMs = Date.now();
    this.#clock.offsetMs = batch.clockOffsetMs;
    this.#rate.add(batch.arrived, nowMs);
    if (batch.link !== undefined) this.link = batch.link;
    if (batch.history !== undefined) this.history = batch.history;
    if (batch.serverVersion !== undefined) this.serverVersion = batch.serverVersion;
    const wasKnown = this.#fleet.known;
    this.#fleet.apply(batch);
    // The first list is shown in the next frame, neither in this one, which has enough to do, nor
    // only at the clock's next tick.
    if (!wasKnown && this.#fleet.known) {
      inFrame(() => {
        this.#clock.tick();
        this.#fleet.settle(this.#clock.nowMs, this.#clock.serverNowMs);
      });
    }
    this.#port.postMessage({ kind: 'applied' });
  }
}
