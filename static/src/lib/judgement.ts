/**
 * From when on a host may be called late or silent.
 *
 * Only while the whole way from hosts to page is open does a host that says nothing say something
 * about itself. After the way was closed elsewhere, silence counts from its reopening.
 */

import type { Link, Pipeline } from './contract';

/** What is in the pipe when the page comes back arrives within this time. */
const CATCH_UP_MS = 1_500;

/** Whether analyses can reach the server, as far as it knows. */
export function isWayOpen(link: Link | undefined, pipeline: Pipeline | undefined): boolean {
  if (link?.state !== 'up') return false;
  return pipeline === undefined || pipeline.state === 'flowing' || pipeline.state === 'idle';
}

export class Judgement {
  /** The earliest moment from which silence is a host's own, by the server's clock. */
  #fromMs = -Infinity;
  #wasOpen: boolean | undefined;
  /** `undefined` until the first connection: only a page that comes back has to catch up. */
  #wasConnected: boolean | undefined;
  #pausedUntilMs = -Infinity;

  /** `fromMs` of the store: `Infinity` while nobody can be judged. */
  fromMs(
    isConnected: boolean,
    link: Link | undefined,
    pipeline: Pipeline | undefined,
    nowMs: number,
  ): number {
    if (!isConnected) {
      if (this.#wasConnected === true) this.#wasConnected = false;
      return Infinity;
    }
    if (this.#wasConnected === false) this.#pausedUntilMs = nowMs + CATCH_UP_MS;
    this.#wasConnected = true;
    const isOpen = isWayOpen(link, pipeline);
    if (isOpen && this.#wasOpen !== true) {
      // A page that finds the way open does not know for how long; the link does.
      this.#fromMs = this.#wasOpen === undefined ? (link?.since_ms ?? nowMs) : nowMs;
    }
    if (link !== undefined) this.#wasOpen = isOpen;
    return isOpen && nowMs >= this.#pausedUntilMs ? this.#fromMs : Infinity;
  }
}
