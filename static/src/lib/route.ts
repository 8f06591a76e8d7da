/** Addresses of the page's views: a hash, so that the page works under any base path, and its query. */

export const VIEWS = ['table', 'map', 'alerts', 'host'] as const;
export type View = (typeof VIEWS)[number];

const PATHS: Readonly<Record<FleetView, string>> = {
  table: '/',
  map: '/map',
  alerts: '/alerts',
};

/** State of a view that is kept in the address. Unknown names are kept as they are. */
export interface Query {
  /** The filter's text. */
  readonly q?: string;
  readonly sort?: string;
  readonly order?: string;
  readonly columns?: string;
  readonly group?: string;
  readonly selected?: string;
  readonly range?: string;
  readonly from?: string;
  readonly to?: string;
  /** Which alerts are listed: the active ones, or what `TABS` of that view names. */
  readonly show?: string;
  readonly host?: string;
  readonly resource?: string;
  readonly kind?: string;
  /** The order of alerts. */
  readonly by?: string;
  /** Where a page of past alerts begins. */
  readonly before?: string;
}

/** The views of the fleet. */
export type FleetView = Exclude<View, 'host'>;

/** A view to go to; that of a host has a name. */
export type Target = FleetView | { readonly host: string };

export interface Place {
  readonly view: View;
  /** Only in the view of a host. */
  readonly host: string | undefined;
  readonly query: Query;
}

const QUERY_NAMES = [
  'q',
  'sort',
  'order',
  'columns',
  'group',
  'selected',
  'range',
  'from',
  'to',
  'show',
  'host',
  'resource',
  'kind',
  'by',
  'before',
] as const satisfies readonly (keyof Query)[];

/** Reads a hash; what is not an address of this page is the table. */
export function parseHash(hash: string): Place {
  const [path, search] = split(hash.replace(/^#/, ''));
  const parameters = new URLSearchParams(search);
  const query: { -readonly [K in keyof Query]: string } = {};
  for (const name of QUERY_NAMES) {
    const value = parameters.get(name);
    if (value !== null && value !== '') query[name] = value;
  }
  const host = /^\/hosts\/([^/]+)\/?$/.exec(path)?.[1];
  if (host !== undefined) {
    const name = decoded(host);
    if (name !== undefined) return { view: 'host', host: name, query };
  }
  const view = VIEWS.find((one) => path.replace(/\/$/, '') === PATHS[one as FleetView]);
  return { view: view ?? 'table', host: undefined, query };
}

/** The hash that leads to a view, `#` included. */
export function formatHash(target: Target, query: Query = {}): string {
  const path =
    typeof target === 'string' ? PATHS[target] : `/hosts/${encodeURIComponent(target.host)}`;
  const search = QUERY_NAMES.flatMap((name) => {
    const value = query[name];
    return value === undefined || value === '' ? [] : [`${name}=${encoded(value)}`];
  }).join('&');
  return search === '' ? `#${path}` : `#${path}?${search}`;
}

/** Readable where it may be: `level:high` and commas need no escape in a hash. */
function encoded(value: string): string {
  return encodeURIComponent(value).replace(/%(3A|2C|2F|40|3D)/g, (code) =>
    decodeURIComponent(code),
  );
}

function split(text: string): [path: string, search: string] {
  const mark = text.indexOf('?');
  return mark < 0 ? [text, ''] : [text.slice(0, mark), text.slice(mark + 1)];
}

/** `undefined` when someone typed an escape that is none. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
