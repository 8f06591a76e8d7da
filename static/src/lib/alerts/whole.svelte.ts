/**
 * All active alerts of one rule. The server lists only the newest of all by socket; when there are
 * more, those of the rule are asked for by themselves.
 */

import { alerts } from './alerts.svelte';
import { AlertsError, askAlerts, type Answer } from './api';
import type { AlertEntry } from './entry';
import { isOfRule, type Rule } from './list';
import { refresher } from './refresher';

/** As many as an answer may hold. */
const AT_MOST = 1_000;
/** Among so many alerts something changes all the time. */
const ASKED_AFTER_MS = 3_000;

export class WholeRule {
  #told: { readonly key: string; readonly answer: Answer } | undefined = $state.raw();
  /** Why those that are not listed are not known. */
  problem: AlertsError | undefined = $state.raw();
  readonly #rule: () => Rule;

  /** To be made where effects may be. */
  constructor(rule: () => Rule) {
    this.#rule = rule;
    $effect(() => {
      const key = this.#key;
      this.problem = undefined;
      if (key === undefined) return;
      const { want, stop } = refresher((signal) => this.#ask(key, signal), ASKED_AFTER_MS);
      $effect(() => {
        if (alerts.active.length >= 0) want();
      });
      return stop;
    });
  }

  /** What is asked for, as text; `undefined` when there is nothing to ask. */
  readonly #key: string | undefined = $derived.by(() => {
    const { host, resource, kind } = this.#rule();
    const fields = Object.entries({ host, resource, kind }).filter(([, value]) => value);
    return alerts.areAllListed || fields.length === 0
      ? undefined
      : JSON.stringify(Object.fromEntries(fields));
  });

  readonly #answer: Answer | undefined = $derived.by(() =>
    this.#key !== undefined && this.#told?.key === this.#key ? this.#told.answer : undefined,
  );

  /** Those that are known: listed ones as they are now, others as they were a moment ago. */
  readonly active: readonly AlertEntry[] = $derived.by(() => {
    const rule = this.#rule();
    const listed = alerts.active.filter((alert) => isOfRule(alert, rule));
    if (this.#answer === undefined) return listed;
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
    const ids = new Set(listed.map(({ id }) => id));
    return [...listed, ...this.#answer.alerts.filter(({ id }) => !ids.has(id))];
  });

  /** Whether there are no others. */
  readonly isWhole: boolean = $derived.by(
    () => alerts.areAllListed || (this.#answer !== undefined && this.#answer.next === undefined),
  );

  /** Whether others are being asked for, for the first time. */
  readonly isAsking: boolean = $derived.by(
    () => this.#key !== undefined && this.#answer === undefined && this.problem === undefined,
  );

  async #ask(key: string, signal: AbortSignal): Promise<void> {
    const rule = JSON.parse(key) as Rule;
    try {
      const answer = await askAlerts({ ...rule, state: 'active', limit: AT_MOST }, signal);
      this.#told = { key, answer };
      this.problem = undefined;
    } catch (error) {
      if (error instanceof AlertsError) this.problem = error;
      else if (!signal.aborted) throw error;
    }
  }
}
