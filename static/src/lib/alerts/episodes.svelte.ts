/** Every alert of one host in the range its charts show: asked of the server, and live. */

import type { Gate } from '../host/gate';
import { AlertsError, askAlerts, type Question } from './api';
import type { AlertEntry } from './entry';
import { WholeRule } from './whole.svelte';

/** More marks than this cannot be told apart. */
const AT_MOST = 500;

export class Episodes {
  #told: readonly AlertEntry[] = $state.raw([]);
  readonly #host: string;
  readonly #gate: Gate;
  readonly #ofHost: WholeRule;
  /** Whether there are older ones in the stretch of time that was asked for. */
  hasMore = $state(false);
  /** What the server said instead of an answer. */
  problem: AlertsError | undefined = $state.raw();

  /** Questions about a range wait at `gate`, with those for the charts. */
  constructor(host: string, gate: Gate) {
    this.#host = host;
    this.#gate = gate;
    this.#ofHost = new WholeRule(() => ({ host }));
  }

  /** Those that are raised now. */
  readonly active: readonly AlertEntry[] = $derived.by(() => this.#ofHost.active);

  /** The same for the same ones: what is not raised any more is to be asked for. */
  readonly activeKey: string = $derived(this.active.map(({ id }) => id).join(' '));

  /** Past ones and those raised now. */
  readonly all: readonly AlertEntry[] = $derived([
    ...this.#told.filter(({ id }) => !this.active.some((alert) => alert.id === id)),
    ...this.active,
  ]);

  /** Asks for those of a stretch of time, until the answer is called. */
  ask(between: Pick<Question, 'from' | 'to'>): () => void {
    const control = new AbortController();
    const question = { ...between, host: this.#host, state: 'all', limit: AT_MOST } as const;
    const asked = this.#gate.run(control.signal, () => askAlerts(question, control.signal));
    asked.then(
      (answer) => {
        this.#told = answer.alerts;
        this.hasMore = answer.next !== undefined;
        this.problem = undefined;
      },
      (error: unknown) => {
        if (error instanceof AlertsError) this.problem = error;
      },
    );
    return () => {
      control.abort();
    };
  }
}
