/** Where the page is: the hash of its address as state, and ways to go elsewhere. */

import { formatHash, parseHash, type Place, type Query, type Target, type View } from './route';

export type { Query, Target, View } from './route';

/** The address of a view, for a real link. */
export function link(target: Target, query: Query = {}): string {
  return formatHash(target, query);
}

export class Route {
  #place: Place = $state.raw({ view: 'table', host: undefined, query: {} });

  get view(): View {
    return this.#place.view;
  }

  /** The host shown; `undefined` in views of the fleet. */
  get host(): string | undefined {
    return this.#place.host;
  }

  get query(): Query {
    return this.#place.query;
  }

  /** Follows the address, until the answer is called. */
  start(): () => void {
    const read = () => {
      this.#place = parseHash(location.hash);
    };
    read();
    window.addEventListener('hashchange', read);
    window.addEventListener('popstate', read);
    return () => {
      window.removeEventListener('hashchange', read);
      window.removeEventListener('popstate', read);
    };
  }

  /** Goes to a view; the back button leads back. */
  go(target: Target, query: Query = {}): void {
    history.pushState(null, '', formatHash(target, query));
    this.#place = parseHash(location.hash);
  }

  /**
   * Changes some of the state of this view; `undefined` takes a part out. With `replace` the back
   * button does not stop here: for what changes with every key.
   */
  change(
    changes: { readonly [K in keyof Query]?: string | undefined },
    how: 'push' | 'replace' = 'push',
  ): void {
    const query = Object.fromEntries(
      Object.entries({ ...this.query, ...changes }).filter(([, value]) => value !== undefined),
    );
    const hash = formatHash(this.#target, query);
    if (hash === location.hash) return;
    if (how === 'push') history.pushState(null, '', hash);
    else history.replaceState(null, '', hash);
    this.#place = parseHash(hash);
  }

  get #target(): Target {
    if (this.view === 'host') return { host: this.host ?? '' };
    return this.view;
  }
}

export const route = new Route();
