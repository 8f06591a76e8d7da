/** The page's end of the connection: its state to show, and batches applied at the page's pace. */

import { alerts } from './alerts/alerts.svelte';
import { clock, type Clock } from './clock.svelte';
import type { History, Link, Pipeline } from './contract';
import { fleet, type Fleet } from './fleet.svelte';
import { Judgement } from './judgement';
import type { Batch } from './mirror';
import { Problems } from './problems';
import type { FromWorker, ToWorker } from './protocol';
import { Rate } from './rate';
import type { SocketState } from './socket';

/** The worker, or what stands for it in a test. */
export interface Port {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
}

/** What is on the screen. */
export interface Look {
  /** Indices of hosts of which points are wanted; at most 256. */
  readonly rows: readonly number[];
  /** Names of hosts of which everything is wanted; at most 8. */
  readonly detail: readonly string[];
}

/** Time between two looks: whoever scrolls does not stop at every row. */
const LOOK_MS = 100;

/**
 * For this long after the newest message hosts can still be judged: on a connection over which
 * nothing comes, silence may be that of the way and not theirs.
 */
const HEARD_LASTS_MS = 1_000;

/** What a hidden tab counts, nobody sees but in its title. */
const HIDDEN_SETTLE_MS = 1_000;

/** The server says something every 5 s; a connection without a word for longer is in doubt. */
const QUIET_MS = 6_500;

export class Connection {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #rate = new Rate(Date.now());
  readonly #problems = new Problems();
  readonly #judgement = new Judgement();
  #port: Port | undefined;
  #look: Look = { rows: [], detail: [] };
  #lookTimer: ReturnType<typeof setTimeout> | undefined;
  #lookedAtMs = -Infinity;
  #heardAtMs = -Infinity;
  #heardServerMs = -Infinity;

  state: SocketState = $state.raw({ phase: 'connecting' });
  /** Whether this page was ever connected: losing a server differs from never finding one. */
  wasOpen = $state(false);
  /** Whether the newest attempt to connect that ended has failed. */
  #hasFailed = $state(false);
  /** Whether this browser has a network at all, as far as it knows. */
  online = $state(true);
  /** Whether the connection, though open, has said nothing for longer than the server ever waits. */
  isQuiet = $state(false);
  /** Link between server and broker, as last heard. */
  link: Link | undefined = $state.raw();
  /** Whether the server keeps what it shows, as last heard. */
  history: History | undefined = $state.raw();
  /** What becomes of measures on their way to the server, as last heard. */
  pipeline: Pipeline | undefined = $state.raw();
  /** Nothing is told more often than this, as last heard. */
  pushIntervalMs = $state(0);
  updatesPerSecond = $state(0);
  /** Whether the listening part of the page could not be started at all. */
  broken = $state(false);

  constructor(fleet: Fleet, clock: Clock) {
    this.#fleet = fleet;
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.state.phase === 'open';
  }

  /** Whether the connection is open and what is told comes over it. */
  get isHeard(): boolean {
    return this.isOpen && !this.isQuiet;
  }

  /** Whether there is no way to the server, also while another is tried. */
  get hasNoServer(): boolean {
    return this.#hasFailed || this.broken;
  }

  start(port: Port, address: string): void {
    this.#port = port;
    port.onmessage = (event) => {
      this.#take(event.data);
    };
    port.postMessage({ kind: 'start', address });
  }

  /**
   * Says what is on the screen, instead of what was before: of these rows the fleet has points, of
   * these hosts details. Sent a few times a second at most, and again after a reconnect. Rows are
   * indices of now: look again when `fleet.membership` grows.
   */
  look(look: Look): void {
    this.#look = look;
    if (this.#lookTimer !== undefined) return;
    const waitMs = Math.max(0, this.#lookedAtMs + LOOK_MS - Date.now());
    this.#lookTimer = setTimeout(() => {
      this.#lookTimer = undefined;
      this.#lookedAtMs = Date.now();
      const { rows, detail } = this.#look;
      this.#fleet.lookAt(rows, detail);
      this.#port?.postMessage({ kind: 'look', generation: this.#fleet.generation, rows, detail });
    }, waitMs);
  }

  /** Ends a wait at once. */
  retryNow(): void {
    this.#port?.postMessage({ kind: 'nudge' });
  }

  /** Tries again when the network comes back or the tab is looked at, until the answer is called. */
  watchForBetterTimes(): () => void {
    this.online = navigator.onLine;
    const nudge = () => {
      this.online = navigator.onLine;
      if (this.online && !document.hidden) this.retryNow();
    };
    window.addEventListener('online', nudge);
    window.addEventListener('offline', nudge);
    document.addEventListener('visibilitychange', nudge);
    return () => {
      window.removeEventListener('online', nudge);
      window.removeEventListener('offline', nudge);
      document.removeEventListener('visibilitychange', nudge);
    };
  }

  /** To be called after each tick of the clock. */
  settle(): void {
    const { nowMs, serverNowMs } = this.#clock;
    this.updatesPerSecond = Math.round(this.#rate.perSecond(nowMs));
    this.isQuiet = this.isOpen && nowMs - this.#heardAtMs > QUIET_MS;
    const judgedFromMs = this.#judgement.fromMs(
      this.isHeard,
      this.link,
      this.pipeline,
      serverNowMs,
    );
    this.#fleet.settle(nowMs, serverNowMs, judgedFromMs, this.#heardServerMs + HEARD_LASTS_MS);
  }

  #take(message: FromWorker): void {
    switch (message.kind) {
      case 'state':
        this.state = message.state;
        if (message.state.phase !== 'connecting') this.#hasFailed = !this.isOpen;
        if (this.isOpen) {
          this.wasOpen = true;
          this.#heardAtMs = Date.now();
        }
        this.#settleIfHidden(true);
        break;
      case 'batch':
        this.#heardAtMs = Date.now();
        this.#applyInNextFrame(message.batch);
        break;
      case 'problem':
        this.#problems.report(message.sentence);
        break;
    }
  }

  #settleNow(): void {
    this.#clock.tick();
    this.settle();
  }

  /** The clock of a hidden tab ticks once a minute, but its title still counts. */
  #settleIfHidden(atOnce: boolean): void {
    const isDue = atOnce || Date.now() - this.#clock.nowMs >= HIDDEN_SETTLE_MS;
    if (isDue && document.hidden) this.#settleNow();
  }

  /** A hidden tab has no frames either. */
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
    this.#clock.offsetMs = batch.clockOffsetMs;
    this.#heardServerMs = batch.heardServerMs;
    this.#rate.add(batch.arrived, Date.now());
    if (batch.link !== undefined) this.link = batch.link;
    if (batch.history !== undefined) this.history = batch.history;
    if (batch.pipeline !== undefined) this.pipeline = batch.pipeline;
    if (batch.pushIntervalMs !== undefined) this.pushIntervalMs = batch.pushIntervalMs;
    if (batch.alerts !== undefined) alerts.take(batch.alerts);
    const wasKnown = this.#fleet.known;
    this.#fleet.apply(batch);
    // The first list is not to wait for the clock's next tick.
    if (!wasKnown && this.#fleet.known) this.#settleNow();
    this.#settleIfHidden((batch.link ?? batch.pipeline) !== undefined);
    this.#port?.postMessage({ kind: 'applied' });
  }
}

export const connection = new Connection(fleet, clock);
