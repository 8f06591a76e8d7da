/** The active alerts, as the page knows them now. */

import { fleet } from '../fleet.svelte';
import type { AlertEntry } from './entry';
import type { ActiveAlerts, AlertsStatus } from './ledger';

const NONE: ActiveAlerts = { status: { state: 'reading' }, count: 0, total: 0, active: [] };

export class Alerts {
  #told: ActiveAlerts | undefined = $state.raw();
  /** How many each host has that has any, listed or not. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
  #counts: ReadonlyMap<string, number> = $state.raw(new Map());
  readonly #byHost: ReadonlyMap<string, readonly AlertEntry[]> = $derived(byHost(this.active));
  readonly #indices: ReadonlySet<number> = $derived(
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
    new Set([...this.#counts.keys()].flatMap((host) => fleet.indexOf(host) ?? [])),
  );

  /** Whether the server has told of alerts at all. */
  get known(): boolean {
    return this.status.state !== 'reading';
  }

  /** Whether that is all there is. */
  get status(): AlertsStatus {
    return (this.#told ?? NONE).status;
  }

  /** Those that are neither acknowledged nor silenced. */
  get count(): number {
    return (this.#told ?? NONE).count;
  }

  /** All that are raised; more than `active` when there are very many. */
  get total(): number {
    return (this.#told ?? NONE).total;
  }

  /** Whether `active` holds all that are raised, and not only the newest. */
  get areAllListed(): boolean {
    return this.total <= this.active.length;
  }

  /** The newest first. */
  get active(): readonly AlertEntry[] {
    return (this.#told ?? NONE).active;
  }

  /** How many active alerts a host has. */
  countOf(host: string): number {
    return this.#counts.get(host) ?? 0;
  }

  /** Those of a host that are among the newest. */
  of(host: string): readonly AlertEntry[] {
    return this.#byHost.get(host) ?? [];
  }

  /** Hosts that have active alerts, by their indices in the fleet. */
  get indices(): ReadonlySet<number> {
    return this.#indices;
  }

  take(told: ActiveAlerts): void {
    this.#told = told;
    if (told.hosts !== undefined) this.#counts = told.hosts;
  }
}

function byHost(active: readonly AlertEntry[]): Map<string, AlertEntry[]> {
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
  const found = new Map<string, AlertEntry[]>();
  for (const alert of active) {
    const known = found.get(alert.host);
    if (known === undefined) found.set(alert.host, [alert]);
    else known.push(alert);
  }
  return found;
}

export const alerts = new Alerts();
