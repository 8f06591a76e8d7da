/** Where the page is: the hash of its address as state, and ways to go elsewhere. */

import {
  formatHash,
  parseHash,
  type Place,
  type FleetView,
  type Query,
  type Target,
  type View,
} from './route';

export type { Query, Target, View } from './route';

/** The address of a view, for a real link. */
export function link(target: Target, query: Query = {}): string {
  return formatHash(target, query);
}

type QueryChange = { readonly [K in keyof Query]?: string | undefined };

/** How long the address may be behind what is shown. */
const WRITE_AFTER_MS = 200;

export class Route {
  #place: Place = $state.raw({ view: 'table', host: undefined, query: {} });
  /** Where in the fleet someone was last: what leads back from a host leads there. */
  #fleet: { readonly view: FleetView; readonly query: Query } = $state.raw({
    view: 'table',
    query: {},
  });
  /** The hash of this place, while the address does not show it yet. */
  #unwritten: string | undefined;
  #writing: ReturnType<typeof setTimeout> | undefined;

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

  /** The view of the fleet that was left for a host; the one shown where no host is. */
  get fleetView(): FleetView {
    return this.#fleet.view;
  }

  /** Its address, filter and all. */
  get fleetLink(): string {
    return link(this.#fleet.view, this.#fleet.query);
  }

  /** The state of that view; of the one shown where no host is. */
  get fleetQuery(): Query {
    return this.#fleet.query;
  }

  /** Follows the address, until the answer is called. */
  start(): () => void {
    const read = () => {
      // Someone went elsewhere: what was to be written belonged to the place before.
      clearTimeout(this.#writing);
      this.#unwritten = undefined;
      this.#show(location.hash);
    };
    read();
    // A link that is followed leaves what it was clicked in as it was then.
    const write = () => {
      this.#write();
    };
    window.addEventListener('click', write);
    window.addEventListener('hashchange', read);
    window.addEventListener('popstate', read);
    return () => {
      window.removeEventListener('click', write);
      window.removeEventListener('hashchange', read);
      window.removeEventListener('popstate', read);
    };
  }

  /** Goes to a view; the back button leads back. */
  go(target: Target, query: Query = {}): void {
    this.#write();
    history.pushState(null, '', formatHash(target, query));
    this.#show(location.hash);
  }

  /**
   * Changes some of the state of this view; `undefined` takes a part out. With `replace` the back
   * button does not stop here: for what changes with every key. Browsers allow such changes a few
   * times a second only, so the address follows a moment later.
   */
  change(changes: QueryChange, how: 'push' | 'replace' = 'push'): void {
    const merged = Object.entries({ ...this.query, ...changes });
    const query = Object.fromEntries(merged.filter(([, value]) => value !== undefined));
    const hash = formatHash(this.#target, query);
    this.#show(hash);
    if (how === 'push') {
      this.#write();
      if (hash !== location.hash) history.pushState(null, '', hash);
      return;
    }
    clearTimeout(this.#writing);
    this.#unwritten = hash;
    this.#writing = setTimeout(() => {
      this.#write();
    }, WRITE_AFTER_MS);
  }

  #show(hash: string): void {
    this.#place = parseHash(hash);
    const { view, query } = this.#place;
    if (view !== 'host') this.#fleet = { view, query };
  }

  /** Brings the address up to date at once, before something else changes it. */
  #write(): void {
    clearTimeout(this.#writing);
    if (this.#unwritten === undefined) return;
    history.replaceState(null, '', this.#unwritten);
    this.#unwritten = undefined;
  }

  get #target(): Target {
    if (this.view === 'host') return { host: this.host ?? '' };
    return this.view;
  }
}

export const route = new Route();
