/**
 * The part of the page that listens to the server: socket, guard and mirror, one batch out at a
 * time. It lives in a worker, because reading a snapshot of a large fleet takes longer than a page
 * may stand still.
 */

import {
  ContractError,
  MAX_LOOK_DETAILS,
  MAX_LOOK_ROWS,
  parseMessage,
  ProtocolError,
  readFrame,
  type Frame,
  type Look,
  type Message,
} from './contract';
import { Mirror } from './mirror';
import type { FromWorker, ToWorker } from './protocol';
import { LiveSocket } from './socket';

/** A server that keeps saying what cannot be read is asked for everything anew only this often. */
const START_OVER_MS = 60_000;

/** Where to go on after a drop: the last message heard of a run of the server. */
interface Place {
  readonly session: string;
  number: number;
}

export class Receiver {
  readonly #send: (message: FromWorker, moved: ArrayBuffer[]) => void;
  readonly #mirror: Mirror;
  #socket: LiveSocket | undefined;
  #place: Place | undefined;
  /** A snapshot is whole only with the alerts behind it, which nobody is told again. */
  #lacksAlerts = false;
  #rows: readonly number[] = [];
  #detail: readonly string[] = [];
  /** What the server was told on this connection; it begins with nothing. */
  #told = '';
  #pageIsBusy = false;
  #startedOverAtMs = -Infinity;

  constructor(send: (message: FromWorker, moved: ArrayBuffer[]) => void) {
    this.#send = send;
    this.#mirror = new Mirror((sentence) => {
      this.#complain(sentence);
    });
  }

  take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        this.#start(message.address);
        break;
      case 'applied':
        this.#pageIsBusy = false;
        this.#offer();
        break;
      case 'look':
        // Rows of an older snapshot may be other hosts by now; the page will look again.
        this.#rows = message.generation === this.#mirror.generation ? message.rows : [];
        this.#detail = message.detail;
        this.#mirror.lookAt(this.#rows);
        this.#look();
        break;
      case 'nudge':
        this.#socket?.nudge();
        break;
    }
  }

  #start(address: string): void {
    this.#socket?.stop();
    this.#place = undefined;
    const socket = new LiveSocket(() => this.#resuming(address), {
      message: (text) => {
        this.#read(text);
      },
      state: (state) => {
        this.#send({ kind: 'state', state }, []);
      },
    });
    this.#socket = socket;
    socket.start();
  }

  #resuming(address: string): string {
    if (this.#place === undefined || this.#lacksAlerts) return address;
    const { session, number } = this.#place;
    return `${address}?resume=${encodeURIComponent(session)}.${number}`;
  }

  #read(text: string): void {
    const nowMs = Date.now();
    let frame: Frame | undefined;
    try {
      frame = readFrame(text);
      // Counted before the rest is read, so that what cannot be read is no gap.
      if (!this.#follows(frame)) return;
      const message = parseMessage(frame);
      if (message === null) return;
      this.#apply(message, nowMs);
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.#complain(error.message);
      this.#goWithout(frame?.type, error);
    }
    this.#offer();
  }

  /** Whether nothing was lost before this message; otherwise the connection is made anew. */
  #follows({ type, number }: Frame): boolean {
    if (number === undefined || beginsAnew(type)) return true;
    if (this.#place === undefined) return false;
    if (number === this.#place.number + 1) {
      this.#place.number = number;
      return true;
    }
    this.#complain(`message ${number} came after ${this.#place.number}`);
    this.#socket?.fail('lost');
    return false;
  }

  /** Mends what a message that could not be read leaves behind. */
  #goWithout(type: string | undefined, error: ContractError): void {
    if (error instanceof ProtocolError || type === 'snapshot') {
      this.#socket?.fail('incompatible');
    } else if (type === 'resumed' || type === 'changes' || type === 'alerts') {
      this.#startOver();
    }
  }

  /** What is here no longer fits what comes: asks for a snapshot, unless it was just asked for. */
  #startOver(): void {
    const nowMs = Date.now();
    if (nowMs - this.#startedOverAtMs < START_OVER_MS) return;
    this.#startedOverAtMs = nowMs;
    this.#place = undefined;
    this.#socket?.fail('lost');
  }

  #apply(message: Message, nowMs: number): void {
    let isOfNow = true;
    if ('session' in message) {
      this.#place = { session: message.session, number: message.number };
      this.#mirror.begin(message.server_time_ms, nowMs);
    } else {
      isOfNow = this.#mirror.heard(message.server_time_ms, nowMs);
    }
    switch (message.type) {
      case 'snapshot':
        this.#complainAll(message.rejected);
        this.#mirror.snapshot(message);
        this.#lacksAlerts = true;
        // Indices are the server's to give anew.
        this.#rows = [];
        this.#mirror.lookAt(this.#rows);
        this.#beginLooking();
        break;
      case 'resumed':
        this.#mirror.conditions(message);
        this.#beginLooking();
        break;
      case 'changes':
        this.#complainAll(message.rejected);
        if (!this.#mirror.changes(message)) this.#startOver();
        break;
      case 'link':
      case 'history':
      case 'pipeline':
        // What was missed while the page was away is told again; `resumed` has told what came of it.
        if (isOfNow) this.#mirror.condition(message);
        break;
      case 'alerts':
        this.#complainAll(message.rejected);
        this.#mirror.alerts.take(message);
        this.#lacksAlerts = false;
        break;
      case 'points':
        this.#mirror.points(message);
        break;
      case 'detail':
        this.#mirror.detail(message);
        break;
      case 'heartbeat':
        break;
    }
  }

  #beginLooking(): void {
    this.#told = '';
    this.#look();
  }

  /** Tells the server what is on the screen, if it does not know. */
  #look(): void {
    const look: Look = {
      type: 'look',
      rows: this.#rows.slice(0, MAX_LOOK_ROWS),
      detail: this.#detail.slice(0, MAX_LOOK_DETAILS),
    };
    const text = JSON.stringify(look);
    const isNothing = look.rows.length === 0 && look.detail.length === 0;
    if (text === this.#told || (isNothing && this.#told === '')) return;
    if (this.#socket?.send(text) === true) this.#told = text;
  }

  #complainAll(sentences: readonly string[]): void {
    for (const sentence of sentences) this.#complain(sentence);
  }

  #complain(sentence: string): void {
    this.#send({ kind: 'problem', sentence }, []);
  }

  #offer(): void {
    if (this.#pageIsBusy) return;
    const batch = this.#mirror.next();
    if (batch === null) return;
    this.#pageIsBusy = true;
    const moved = [batch.gone, batch.indices, batch.figures, batch.points];
    this.#send(
      { kind: 'batch', batch },
      moved.map((block) => block.buffer),
    );
  }
}

/** Whether a message of this type tells where its numbers begin. */
function beginsAnew(type: string): boolean {
  return type === 'snapshot' || type === 'resumed';
}
