/** Which hosts of the map stand together, and in which order. Pure: keys in, places out. */

/** As the address of the page spells it. */
export type Grouping = 'none' | 'level' | 'name' | `label:${string}`;

/** What a group's heading is to say. */
export type GroupKind =
  /** Not grouped at all. */
  | 'all'
  | 'level'
  /** Hosts whose names begin alike. */
  | 'name'
  | 'label'
  /** Hosts that do not have the label. */
  | 'unlabelled'
  /** What is left: hosts that nothing is like, and groups beyond `MAX_GROUPS`. */
  | 'others';

export interface Group {
  readonly kind: GroupKind;
  /** Level, beginning of the names, or value of the label; empty for the other kinds. */
  readonly key: string;
  /** First place of the group, counted over the whole map. */
  readonly first: number;
  /** Place after its last. */
  readonly end: number;
}

export interface Arrangement {
  /** Indices of hosts, by place. */
  readonly order: Uint32Array;
  readonly groups: readonly Group[];
}

/** What `arrange` needs to know of a host. */
export interface Described {
  readonly host: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Headings beyond this help nobody; the smallest groups stand together instead. */
const MAX_GROUPS = 60;

/** Levels by urgency, as numbered on the wire. */
const LEVELS_BY_URGENCY = [2, 1, 0] as const;
const LEVEL_KEYS = ['LOW', 'MEDIUM', 'HIGH'] as const;

/** What the address says; anything else is no grouping. */
export function parseGrouping(text: string | null | undefined): Grouping {
  if (text === 'level' || text === 'name') return text;
  if (text?.startsWith('label:') && text.length > 'label:'.length) return text as Grouping;
  return 'none';
}

/** The labels that hosts have, in alphabetical order. */
export function labelNames(hosts: Iterable<Described>): string[] {
  const names = new Set<string>();
  for (const { labels } of hosts) for (const name in labels) names.add(name);
  return [...names].sort();
}

/**
 * What a host's name has in common with its siblings': the first part up to its last digits, or to
 * its last separator: `web-` of `web-12.example.com`, `db-` of `db-primary`, `10.0.0.` of `10.0.0.7`.
 */
export function namePart(host: string): string {
  const dot = host.indexOf('.');
  const label = dot < 0 ? host : host.slice(0, dot);
  const withoutDigits = trimDigits(label);
  if (withoutDigits === '') return host.slice(0, host.lastIndexOf('.') + 1);
  if (withoutDigits.length < label.length) return withoutDigits;
  const separator = Math.max(label.lastIndexOf('-'), label.lastIndexOf('_'));
  return separator > 0 ? label.slice(0, separator + 1) : label;
}

function trimDigits(text: string): string {
  let end = text.length;
  while (end > 0 && isDigit(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/**
 * Puts hosts into groups. `hosts` are indices in the order in which cells are to stand within each
 * group, usually that of their names; `describe` and `levelOf` look a host up.
 *
 * Levels stand by urgency. Other groups stand by size, not by the state of their hosts, so that
 * people find a group again where it was.
 */
export function arrange(
  hosts: readonly number[] | Uint32Array,
  grouping: Grouping,
  describe: (index: number) => Described | undefined,
  levelOf: (index: number) => number,
): Arrangement {
  if (grouping === 'none') {
    const groups: Group[] =
      hosts.length === 0 ? [] : [{ kind: 'all', key: '', first: 0, end: hosts.length }];
    return { order: Uint32Array.from(hosts), groups };
  }
  if (grouping === 'level') return inRow(byLevel(hosts, levelOf));
  return inRow(byKey(hosts, grouping, describe));
}

interface Members {
  readonly kind: GroupKind;
  readonly key: string;
  readonly hosts: readonly number[];
}

function byLevel(hosts: Iterable<number>, levelOf: (index: number) => number): Members[] {
  const members: [number[], number[], number[]] = [[], [], []];
  for (const index of hosts) members[levelOf(index)]?.push(index);
  return LEVELS_BY_URGENCY.map((level) => ({
    kind: 'level' as const,
    key: LEVEL_KEYS[level],
    hosts: members[level],
  })).filter(({ hosts }) => hosts.length > 0);
}

function byKey(
  hosts: Iterable<number>,
  grouping: Exclude<Grouping, 'none' | 'level'>,
  describe: (index: number) => Described | undefined,
): Members[] {
  const label = grouping === 'name' ? undefined : grouping.slice('label:'.length);
  const members = new Map<string, number[]>();
  const unlabelled: number[] = [];
  for (const index of hosts) {
    const described = describe(index);
    if (described === undefined) continue;
    const key = label === undefined ? namePart(described.host) : described.labels?.[label];
    if (key === undefined) {
      unlabelled.push(index);
      continue;
    }
    const group = members.get(key);
    if (group === undefined) members.set(key, [index]);
    else group.push(index);
  }

  const kind = label === undefined ? 'name' : 'label';
  const groups: Members[] = [...members].map(([key, hosts]) => ({ kind, key, hosts }));
  groups.sort((a, b) => b.hosts.length - a.hosts.length || (a.key < b.key ? -1 : 1));
  const kept = gatherOthers(groups, kind === 'name' ? 2 : 1);
  if (unlabelled.length > 0) kept.push({ kind: 'unlabelled', key: '', hosts: unlabelled });
  return kept;
}

/** `groups`, the largest first, with those too small or too many to have a heading put into one. */
function gatherOthers(groups: readonly Members[], smallest: number): Members[] {
  const tooSmall = groups.findIndex(({ hosts }) => hosts.length < smallest);
  const kept = Math.min(MAX_GROUPS, tooSmall < 0 ? groups.length : tooSmall);
  // One group alone is better known by its own name.
  if (groups.length - kept < 2) return groups.slice();
  const hosts = groups.slice(kept).flatMap((group) => group.hosts);
  return [...groups.slice(0, kept), { kind: 'others', key: '', hosts }];
}

function inRow(members: readonly Members[]): Arrangement {
  const order = new Uint32Array(members.reduce((sum, { hosts }) => sum + hosts.length, 0));
  const groups: Group[] = [];
  let first = 0;
  for (const { kind, key, hosts } of members) {
    order.set(hosts, first);
    groups.push({ kind, key, first, end: first + hosts.length });
    first += hosts.length;
  }
  return { order, groups };
}

/** Whether two arrangements put the same hosts in the same places under the same headings. */
export function isSameArrangement(a: Arrangement, b: Arrangement): boolean {
  return (
    a.order.length === b.order.length &&
    a.groups.length === b.groups.length &&
    a.groups.every(({ kind, key, end }, i) => {
      const other = b.groups[i];
      return other?.kind === kind && other.key === key && other.end === end;
    }) &&
    a.order.every((index, place) => b.order[place] === index)
  );
}
