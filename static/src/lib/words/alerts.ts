/** The words of alerts: the view of them, the dialogs, and the marks on charts. */

import { PIPELINE_HOST, type AlertEntry, type AlertKind, type Silence } from '../alerts/entry';
import type { Order, Tab } from '../alerts/list';
import * as format from '../format';

export const HEADING = 'Alerts';
export const TABS_LABEL = 'Which alerts';
export const TAB_WORDS: Readonly<Record<Tab, string>> = {
  active: 'Active',
  history: 'History',
  silences: 'Silences',
};

export const KIND_WORDS: Readonly<Record<AlertKind, string>> = {
  level: 'Level',
  silent: 'Silent',
  flapping: 'Flapping',
  stopped: 'Stopped',
  restarted: 'Restarted',
  clock: 'Clock',
  pipeline: 'Pipeline',
};

const CONDITIONS: Readonly<Partial<Record<string, string>>> = {
  silent: 'Sends nothing',
  stopped: 'Tracker was stopped',
  restarted: 'Started anew',
  clock: 'Clock is off',
  pipeline: 'Nothing arrives from any host',
};

/** `CPU`, `Swap`, `Disk /var` */
export function resourceName(resource: string): string {
  if (resource === 'cpu') return 'CPU';
  const name = resource.replace(':', ' ');
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** What is the matter: `Disk /var at 93%`. */
export function condition({ kind, resource, percentage }: AlertEntry): string {
  const known = CONDITIONS[kind];
  if (known !== undefined) return known;
  const what = resource === undefined ? 'Host' : resourceName(resource);
  if (kind === 'flapping') return `${what} keeps changing`;
  return percentage === undefined
    ? `${what}: ${kind}`
    : `${what} at ${format.wholePercentage(percentage)}`;
}

/** Which rule raised it: `Level · CPU`. */
export function rule({ kind, resource }: Pick<AlertEntry, 'kind' | 'resource'>): string {
  const word = kindWord(kind);
  return resource === undefined ? word : `${word} · ${resourceName(resource)}`;
}

/** That of a newer server may have no word here yet. */
export function kindWord(kind: AlertKind): string {
  return (KIND_WORDS as Readonly<Partial<Record<string, string>>>)[kind] ?? kind;
}

export function hostName(host: string): string {
  return host === PIPELINE_HOST ? 'All hosts' : host;
}

export const COLUMNS = {
  level: 'Level',
  condition: 'What',
  host: 'Host',
  since: 'Since',
  state: 'State',
  actions: 'Actions',
} as const;

export const ROW = {
  noLevel: 'no level',
  chart: (host: string) => `${host}: charts at that time`,
  history: 'Earlier alerts of this rule on this host',
  open: 'Open',
  cleared: (lengthMs: number) => `lasted ${format.age(lengthMs)}`,
  acknowledged: (by: string) => `Acknowledged by ${by}`,
  silencedUntil: (untilMs: number) => `Silenced until ${format.localTime(untilMs)}`,
  acknowledge: 'Acknowledge',
  acknowledgeAgain: 'Change note',
  silence: 'Silence',
} as const;

/** What a button of a row is about, for ears. */
export function about(action: string, alert: AlertEntry): string {
  return `${action}: ${condition(alert)}, ${hostName(alert.host)}`;
}

export const FILTERS = {
  kind: 'Rule',
  anyKind: 'Any rule',
  resource: 'Resource',
  anyResource: 'Any resource',
  host: 'Host',
  anyHost: 'whole name',
  onlyHost: (host: string) => `Only ${hostName(host)}`,
  allHosts: (host: string) => `Show alerts of all hosts, not only ${hostName(host)}`,
  order: 'Order',
} as const;

export const ORDER_WORDS: Readonly<Record<Order, string>> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  level: 'Highest level first',
  host: 'By host',
  rule: 'By rule',
};

export function alerts(count: number): string {
  return `${format.count(count)} ${count === 1 ? 'alert' : 'alerts'}`;
}

/** How many of the active ones are listed, and how many of them wait for somebody. */
export function listed(listed: number, total: number, open: number): string {
  const all = listed === total ? alerts(total) : `${format.count(listed)} of ${alerts(total)}`;
  return `${all}, ${format.count(open)} open`;
}

export function onlyNewest(known: number): string {
  return `Only the newest ${format.count(known)} are listed. Choose a rule or a resource to see the older ones of it.`;
}

/** What stands at a host that has active alerts; of `count` those in `listed` are known. */
export function ofHost(count: number, listed: readonly AlertEntry[]): string {
  const shown = listed.slice(0, 5).map((alert) => condition(alert));
  const left = count - shown.length;
  if (left > 0 && shown.length > 0) shown.push(`${left} more`);
  return [alerts(count), shown.join(', ')].filter(Boolean).join(': ');
}

export const LIST_LABEL = 'Active alerts';
export const LIST_KEYS =
  'Up and down arrows choose an alert, left and right arrows what to do with it.';
export const HISTORY_LABEL = 'Past alerts, the newest first';
export const HOST_ALERTS = 'Active alerts';
export const PAST_OF_HOST = 'Past alerts of this host';

export const NONE_ACTIVE = {
  heading: 'No active alerts',
  text: 'Alerts are raised by resources-observer, from a file of rules. What its rules are, and what a host would get from them, says:',
  command: 'resources observer check rules.toml',
};
export const NO_MATCH = {
  heading: 'No alert matches',
  text: 'Other alerts are hidden by the filters above.',
  action: 'Show all alerts',
};
export const NO_LISTED_MATCH = {
  heading: 'None of the listed alerts matches',
  text: 'Older ones, which are not listed, may: choose a rule or a resource to see those of it.',
};
export const NOT_TOLD = {
  heading: 'Nothing is known of alerts yet',
  text: 'They appear here by themselves as soon as the server tells of them.',
};
export const NO_HISTORY = {
  heading: 'No past alerts',
  text: 'Alerts are listed here when they are over.',
};
export const NO_HISTORY_MATCH = {
  heading: 'No past alert matches',
  text: 'There is none with this host, rule and resource.',
  action: 'Show all past alerts',
};
export const NO_SILENCE = {
  heading: 'Nothing is silenced',
  text: 'While a silence lasts, nobody is told of its alerts. They are still listed here.',
};
export const ASKING = { heading: 'Asking the server…', text: '' };

export const PAGES = { label: 'Pages', newest: 'Newest', older: 'Older' } as const;

export const SILENCES = {
  label: 'Silences',
  add: 'Silence a host…',
  end: 'End',
  endOf: (silence: Silence) => `End the silence of ${silenced(silence)}`,
  ended: (silence: Silence) => `The silence of ${silenced(silence)} is ended.`,
  by: (by: string) => `by ${by}`,
  left: (leftMs: number) => `${format.age(leftMs)} left`,
} as const;

/** What a silence is about: `web-1`, or `web-1, Level · CPU`. */
export function silenced({ host, kind, resource }: Silence): string {
  const name = hostName(host);
  if (kind !== undefined) {
    return `${name}, ${rule({ kind, ...(resource !== undefined && { resource }) })}`;
  }
  return resource === undefined ? name : `${name}, ${resourceName(resource)}`;
}

export const DIALOG = {
  by: 'Your name',
  byHint: 'Others see it. It is remembered in this browser.',
  note: 'Note (not needed)',
  reason: 'Reason (not needed)',
  host: 'Host',
  scope: 'What',
  wholeHost: (host: string) => `Everything of ${hostName(host)}`,
  length: 'For how long',
  hours: (count: number) => `${count}\u00a0h`,
  hourUnit: 'h',
  custom: 'Other:',
  customLabel: (most: number) => `Hours, at most ${most}`,
  cancel: 'Cancel',
  acknowledge: {
    heading: 'Acknowledge',
    text: 'Everybody sees that you are on it, and nobody is reminded of this alert.',
    submit: 'Acknowledge',
    done: 'Acknowledged.',
  },
  silence: {
    heading: 'Silence',
    text: 'Nobody is told until then. What is still wrong when it ends is told then.',
    submit: 'Silence',
    done: 'Silenced.',
  },
} as const;

/** Why something was not done, or not answered. */
export function failure(sentence: string | undefined): string {
  return sentence === undefined
    ? 'The server cannot be reached. Try again when it is back.'
    : `The server answered: ${sentence.replace(/\.$/, '')}.`;
}

/** A mark on a chart: what, and from when to when. */
export function mark(alert: AlertEntry): string {
  const until = alert.cleared_ms === undefined ? 'now' : format.localTime(alert.cleared_ms);
  return `${condition(alert)}, ${format.localTime(alert.since_ms)} – ${until}`;
}

/** Several alerts that are too close to each other for a mark each. */
export function marks(list: readonly AlertEntry[]): string {
  const [first] = list;
  if (first !== undefined && list.length === 1) return mark(first);
  return `${alerts(list.length)}: ${list.slice(0, 4).map(mark).join('; ')}${list.length > 4 ? '; …' : ''}`;
}

/** Why charts show no alerts of the past. */
export function noMarks(sentence: string | undefined): string {
  return `Past alerts are missing in the charts. ${failure(sentence)}`;
}

/** The same in UTC, from the first to the last: for hover, where local time is read. */
export function marksUtc(list: readonly AlertEntry[]): string {
  const fromMs = Math.min(...list.map(({ since_ms }) => since_ms));
  const untilMs = Math.max(...list.map(({ cleared_ms }) => cleared_ms ?? Infinity));
  return `${format.utcTime(fromMs)} – ${untilMs === Infinity ? 'now' : format.utcTime(untilMs)}`;
}

export const OLDER_MARKS =
  'Only the newest alerts of this range are marked. Choose a shorter range to see the older ones.';

export const MARKS_LABEL = (chart: string) => `Alerts in the chart ${chart}`;
export const MARK_ACTION = (words: string) => `${words}. Zoom to it`;
