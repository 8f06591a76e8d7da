/** The hosts that the filter in the address lets through, for every view of the fleet. */

import { clock } from './clock.svelte';
import { isEmpty, matcher, parseFilter, type Filter } from './filter';
import { fleet } from './fleet.svelte';
import { route } from './route.svelte';
import { untrack } from 'svelte';

class Selection {
  /** Follows the address. */
  readonly filter: Filter = $derived(parseFilter(route.query.q ?? ''));
  readonly isFiltered: boolean = $derived(!isEmpty(this.filter));
  /** Hosts that fit, in no order; follows the figures a few times a second. */
  readonly indices: Uint32Array = $derived.by(() => {
    const { filter } = this;
    if (fleet.version === 0) return new Uint32Array(0);
    const serverNowMs = untrack(() => clock.serverNowMs);
    const fits = matcher(filter, fleet.store, serverNowMs);
    const all = Uint32Array.from(fleet.store.all());
    return this.isFiltered ? all.filter(fits) : all;
  });
}

export const selection = new Selection();
