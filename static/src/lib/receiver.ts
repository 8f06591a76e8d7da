/**
 * The part of the page that listens to the server: socket, guard and coalescing, one batch out at
 * a time. It lives in a worker, because reading a snapshot of a large fleet takes longer than a
 * page may stand still.
 */

import { Coalescer } from './coalesce';
import { ContractError, parseMessage, ProtocolError } from './contract';
import type { FromWorker, ToWorker } from './protocol';
import { LiveSocket } from './socket';

export class Receiver {
  readonly #send: (message: FromWorker, moved: ArrayBuffer[]) => void;
  readonly #arrived = new Coalescer();
  #socket: LiveSocket | undefined;
  #pageIsBusy = false;

  constructor(send: (message: FromWorker, moved: ArrayBuffer[]) => void) {
    this.#send = send;
  }

  take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        this.#socket?.stop();
        this.#socket = new LiveSocket(message.address, {
          message: (text) => {
            this.#read(text);
          },
          state: (state) => {
            this.#send({ kind: 'state', state }, []);
          },
        });
        this.#socket.start();
        break;
      case 'applied':
        this.#pageIsBusy = false;
        this.#offer();
        break;
      case 'nudge':
        this.#socket?.nudge();
        break;
    }
  }

  #read(text: string): void {
    const nowMs = Date.now();
    try {
      const message = parseMessage(text);
      if (message === null) return;
      this.#arrived.clock(message.server_time_ms, nowMs);
      if (message.type === 'link') this.#arrived.link(message.link);
      if (message.type === 'history') this.#arrived.history(message.history);
      if (message.type === 'snapshot') this.#arrived.snapshot(message);
      if (message.type === 'changes') this.#arrived.changes(message);
      if (message.type === 'snapshot' || message.type === 'changes') {
        for (const sentence of message.rejected) this.#send({ kind: 'problem', sentence }, []);
      }
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.#send({ kind: 'problem', sentence: error.message }, []);
      if (error instanceof ProtocolError) this.#socket?.fail('incompatible');
    }
    this.#offer();
  }

  #offer(): void {
    if (this.#pageIsBusy) return;
    const batch = this.#arrived.next();
    if (batch === null) return;
    this.#pageIsBusy = true;
    this.#send({ kind: 'batch', batch }, [batch.points.buffer]);
  }
}
