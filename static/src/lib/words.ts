/** Every sentence that depends on a state, in one place and out of the logic. */

import type { AlertsStatus } from './alerts/ledger';
import type { Column } from './columns';
import type { History, Info, Level, Link, LinkState, Pipeline } from './contract';
import { COMPARED, type FilterProblem } from './filter';
import * as format from './format';
import type { SocketState } from './socket';
import type { Freshness } from './store';

export const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  HIGH: 'High',
  MEDIUM: 'Medium',
  LOW: 'Low',
};

/** Headings of the table's columns, short; `COLUMN_EXPLANATIONS` has the long ones. */
export const COLUMN_WORDS: Readonly<Record<Column, string>> = {
  name: 'Host',
  level: 'Level',
  cpu: 'CPU',
  chart: 'Recent CPU',
  memory: 'Memory',
  swap: 'Swap',
  disk: 'Disk',
  load: 'Load',
  received: 'Net in',
  sent: 'Net out',
  temperature: 'Temp.',
  uptime: 'Uptime',
  age: 'Age',
  labels: 'Labels',
};

export const COLUMN_EXPLANATIONS: Readonly<Record<Column, string>> = {
  name: 'Name of the host',
  level: 'The highest level of all its resources',
  cpu: 'CPU in use, all cores together',
  chart: 'CPU over the last two minutes',
  memory: 'Memory in use',
  swap: 'Swap in use',
  disk: 'The fullest disk',
  load: 'Load average over one minute',
  received: 'Received a second, all interfaces',
  sent: 'Sent a second, all interfaces',
  temperature: 'The hottest sensor',
  uptime: 'Time since the host started',
  age: 'Time since the last sample was received',
  labels: 'Labels given to its tracker',
};

export const FRESHNESS_WORDS: Readonly<Record<Freshness, string>> = {
  fresh: '',
  late: 'late',
  silent: 'silent',
};

export const STATE_WORDS = { late: 'Late', silent: 'Silent' } as const;

export const STATE_EXPLANATIONS = {
  late: 'Hosts that missed three samples',
  silent: 'Hosts that missed ten samples, and sent nothing for 15 s at least',
} as const;

export const ALL = 'All';
export const COUNTS_LABEL = 'Show hosts by level or by silence';
export const CHART_LABEL = 'Chart of recent CPU';
export const NOT_SENT = 'not sent';

export const FILTER = {
  label: 'Filter hosts',
  placeholder: 'Filter: web level:high cpu>80',
  help: 'What can be typed here',
  examples: [
    ['web', 'part of the name'],
    ['web-*', 'names that begin so'],
    ['level:high,medium', 'either level'],
    ['state:silent', 'or late, or fresh'],
    ['cpu>80', 'also >=, <, <= and ='],
    ['received>10M', 'bytes a second; also k and G'],
    ['label:role=web', 'a label of the tracker'],
    ['"web 1"', 'quoted: as it is'],
  ] as readonly (readonly [example: string, meaning: string])[],
  figures: (names: readonly string[]) =>
    `Figures to compare: ${names.join(', ')}. All terms must hold.`,
} as const;

export const COLUMN_MENU = {
  name: 'Columns',
  label: 'Choose columns',
  usual: 'Usual columns',
  hidden: (names: readonly string[]) => `Not shown for want of room: ${names.join(', ')}.`,
} as const;

export const SORT = {
  label: 'Sort by',
  turnRound: (direction: string) => `Turn the order round; now ${direction}`,
} as const;

export const TABLE_LABEL = 'Hosts';
export const TABLE_KEYS = 'Arrow keys choose a host, Enter opens it, / filters.';

export function listed(count: number, total: number): string {
  return count === total ? hosts(total) : `${format.count(count)} of ${hosts(total)}`;
}

/** When a sample was taken and received, here and in UTC. */
export function sampleTimes(timestampMs: number, receivedMs: number): string {
  const at = (timeMs: number) => `${format.localTime(timeMs)} (${format.utcTime(timeMs)})`;
  return `Sampled ${at(timestampMs)}\nReceived ${at(receivedMs)}`;
}

export function upSince(bootedMs: number): string {
  return `Started ${format.localTime(bootedMs)} (${format.utcTime(bootedMs)})`;
}

const LOOPBACK = /^(localhost|127\..*|\[::1\])$/;

/**
 * How to start a tracker on another machine, and what of it has to be filled in. The broker is often
 * where this page comes from, but an address that means "this machine" is of no use elsewhere.
 */
export function startTracker(pageHost: string): { command: string; fillIn: string } {
  const isUsable = pageHost !== '' && !LOOPBACK.test(pageHost);
  const broker = isUsable ? pageHost : 'BROKER';
  return {
    command: `resources-tracker --broker-url amqp://USER:PASSWORD@${broker}:5672/%2f`,
    fillIn: isUsable
      ? `Fill in USER and PASSWORD, and another address than ${pageHost} if RabbitMQ runs elsewhere.`
      : 'Fill in USER, PASSWORD and BROKER, the address of RabbitMQ as that machine reaches it.',
  };
}

export const START_ANALYZER =
  'resources-analyzer --broker-url amqp://USER:PASSWORD@BROKER:5672/%2f';

/**
 * What the tab says: how many alerts wait for somebody, how many hosts are HIGH, and what is shown;
 * first of all, when these are the last known.
 */
export function title(high: number, openAlerts: number, isLive: boolean, host?: string): string {
  const what = host === undefined ? 'Resources' : `${host} · Resources`;
  const parts = [
    ...(isLive ? [] : ['not live']),
    ...(openAlerts > 0
      ? [`${format.count(openAlerts)} ${openAlerts === 1 ? 'alert' : 'alerts'}`]
      : []),
    ...(high > 0 ? [`${format.count(high)} HIGH`] : []),
  ];
  return parts.length > 0 ? `(${parts.join(', ')}) ${what}` : what;
}

export function hosts(count: number): string {
  return `${format.count(count)} ${count === 1 ? 'host' : 'hosts'}`;
}

/** How things are, for the eye as well: calm, waiting or wrong. */
export type Mood = 'good' | 'waiting' | 'bad' | 'unknown';

export interface Condition {
  readonly mood: Mood;
  readonly words: string;
}

/** The links in the head of the page, by what is at their other end. */
export const LINKS = {
  server: { name: 'Server', explanation: 'Connection from this page to the server' },
  broker: { name: 'Broker', explanation: 'Link from the server to the broker' },
  analyzer: { name: 'Analyzer', explanation: 'Way of measures through an analyzer' },
  history: { name: 'History' },
  alerts: { name: 'Alerts' },
} as const;

export const UPDATES = {
  name: 'Updates',
  explanation: 'Analyses that reached this page a second, over the last 5 s',
  rate: (perSecond: number) => `${format.count(perSecond)}/s`,
} as const;

export function pageCondition(state: SocketState, isQuiet: boolean, online: boolean): Condition {
  // As the notice has it: a network may be gone long before a connection over it counts as dead.
  if (!online && (isQuiet || state.phase !== 'open')) return { mood: 'bad', words: 'offline' };
  switch (state.phase) {
    case 'open':
      return isQuiet
        ? { mood: 'waiting', words: 'not heard' }
        : { mood: 'good', words: 'connected' };
    case 'connecting':
      return { mood: 'waiting', words: 'connecting' };
    case 'waiting':
      return { mood: 'bad', words: 'not connected' };
  }
}

export function brokerCondition(link: Link | undefined, pageIsOpen: boolean): Condition {
  // What was last heard says nothing about now.
  if (!pageIsOpen || link === undefined) return { mood: 'unknown', words: 'unknown' };
  switch (link.state) {
    case 'up':
      return { mood: 'good', words: 'connected' };
    case 'connecting':
      return { mood: 'waiting', words: 'connecting' };
    case 'blocked':
      return { mood: 'waiting', words: 'blocked' };
    // A server that is refused at its start ends; later that is a link that is down.
    case 'refused':
    case 'down':
      return { mood: 'bad', words: 'not connected' };
    case 'closed':
      return { mood: 'bad', words: 'closed' };
  }
}

/** `null` when analyses arrive, when there is nothing to analyse, and when nobody knows. */
export function analyzerCondition(
  pipeline: Pipeline | undefined,
  pageIsOpen: boolean,
): Condition | null {
  if (!pageIsOpen) return null;
  if (pipeline?.state === 'no_analyzer') return { mood: 'bad', words: 'not running' };
  if (pipeline?.state === 'stalled') return { mood: 'bad', words: 'stalled' };
  return null;
}

/** What is wrong and what comes next, in a sentence each. */
export interface Notice {
  readonly mood: Mood;
  /** What happened. */
  readonly happened: string;
  /** Why, or what to look at, where it is known. */
  readonly why?: string;
  /** What comes next; may change every second, so it is not read aloud. */
  readonly next: string;
  /** What to type to mend it. */
  readonly command?: string;
  readonly offers: 'retry' | 'reload' | 'nothing';
}

/** What the button of a notice says, by what it offers. */
export const NOTICE_ACTIONS = { retry: 'Try now', reload: 'Reload' } as const;

/** This browser has no network: nothing can be said about anything behind it. */
export const OFFLINE: Notice = {
  mood: 'bad',
  happened: 'This browser is offline.',
  next: 'The page goes on by itself when the network is back.',
  offers: 'retry',
};

/** The connection is open as far as the browser knows, but nothing comes over it. */
export const QUIET: Notice = {
  mood: 'waiting',
  happened: 'Nothing is heard from the server.',
  next: 'The page connects anew if that lasts.',
  offers: 'nothing',
};

/** What to say about the page's own connection; `null` when all is well, or nothing is known yet. */
export function pageNotice(state: SocketState, wasOpen: boolean, nowMs: number): Notice | null {
  if (state.phase === 'open') return null;
  if (state.phase === 'connecting') {
    if (!wasOpen) return null;
    return {
      mood: 'bad',
      happened: 'Connection to the server lost.',
      next: 'Trying now…',
      offers: 'nothing',
    };
  }
  const seconds = Math.max(1, Math.ceil((state.retryAtMs - nowMs) / 1_000));
  const next = `Trying again in ${seconds} s…`;
  if (state.why === 'incompatible') {
    return {
      mood: 'bad',
      happened: 'The server speaks another version than this page.',
      why: 'Reload to get the page that fits.',
      next,
      offers: 'reload',
    };
  }
  if (!wasOpen) {
    return { mood: 'bad', happened: 'The server cannot be reached.', next, offers: 'retry' };
  }
  if (state.why === 'silent') {
    return { mood: 'bad', happened: 'The server has fallen silent.', next, offers: 'retry' };
  }
  return { mood: 'bad', happened: 'Connection to the server lost.', next, offers: 'retry' };
}

const LINK_LOST = 'The server has lost its link to the broker.';

/** What to say about the link between server and broker; `null` when it is up. */
export function brokerNotice(link: Link | undefined): Notice | null {
  if (link === undefined || link.state === 'up') return null;
  const happened: Record<Exclude<LinkState, 'up'>, string> = {
    connecting: 'The server is connecting to the broker.',
    blocked: 'The broker is short of memory or disk and holds back what is published.',
    down: LINK_LOST,
    refused: LINK_LOST,
    closed: 'The server has closed its link to the broker and is about to stop.',
  };
  const next: Partial<Record<LinkState, string>> = {
    down: 'The server keeps trying.',
  };
  return {
    mood: 'waiting',
    happened: happened[link.state],
    ...(link.reason !== undefined && { why: `Reason: ${link.reason.replace(/\.$/, '')}.` }),
    next: next[link.state] ?? '',
    offers: 'nothing',
  };
}

/** What to say about the way from trackers to the server; `null` when analyses can arrive. */
export function pipelineNotice(pipeline: Pipeline | undefined): Notice | null {
  if (pipeline === undefined) return null;
  const waiting = pipeline.waiting_measures ?? 0;
  const measures = `${format.count(waiting)} ${waiting === 1 ? 'measure' : 'measures'}`;
  switch (pipeline.state) {
    case 'flowing':
      return null;
    case 'idle':
      return {
        mood: 'waiting',
        happened: 'No tracker is sending.',
        next: 'Hosts show here as late, then silent, until one does.',
        offers: 'nothing',
      };
    case 'no_analyzer':
      return {
        mood: 'bad',
        happened:
          waiting > 0
            ? `No analyzer is running, and ${measures} ${waiting === 1 ? 'waits' : 'wait'} for one.`
            : 'No analyzer is running.',
        next: 'Start one:',
        command: START_ANALYZER,
        offers: 'nothing',
      };
    case 'stalled':
      return {
        mood: 'bad',
        happened: `The analyzer has stalled: ${measures} ${waiting === 1 ? 'waits' : 'wait'}, and none is analysed.`,
        next: 'Look at its log, or start it anew.',
        offers: 'nothing',
      };
    case 'unknown':
      return {
        mood: 'waiting',
        happened: 'The server cannot find out whether measures are analysed.',
        next: 'It keeps asking the broker.',
        offers: 'nothing',
      };
  }
}

/** The one sentence about a host that is not fresh; empty when it is. */
export function hostSilence(freshness: Freshness, silenceMs: number, intervalMs: number): string {
  if (freshness === 'fresh') return '';
  const promise = `it should send every ${format.duration(intervalMs)}`;
  const said = `Nothing was received from this host for ${format.age(silenceMs)}`;
  return freshness === 'late'
    ? `${said}; ${promise}.`
    : `${said}; ${promise}. Look whether it and its tracker run and can reach the broker.`;
}

/** What to say about the hosts of the fleet that are not fresh; empty when all are. */
export function silentHosts(late: number, silent: number): string {
  const parts = [
    ...(silent > 0 ? [`${hosts(silent)} ${silent === 1 ? 'is' : 'are'} silent`] : []),
    ...(late > 0 ? [`${hosts(late)} ${late === 1 ? 'is' : 'are'} late`] : []),
  ];
  return parts.length === 0 ? '' : `${parts.join(', ')}.`;
}

/** Why a part of the filter does nothing. */
export function filterProblem({ term, kind }: FilterProblem): string {
  switch (kind) {
    case 'level':
      return `“${term}”: a level is high, medium or low.`;
    case 'state':
      return `“${term}”: a state is fresh, late or silent.`;
    case 'number':
      return `“${term}” needs a number, as in cpu>80 or received>10M.`;
    case 'label':
      return `“${term}” needs a name, as in label:role=web.`;
    case 'unknown-figure':
      return `“${term}”: figures are ${Object.keys(COMPARED).join(', ')}.`;
    case 'unknown-key':
      return `“${term}”: before a colon there is level, state or label.`;
  }
}

/** What to say about history; `null` when it is as it should be, or switched off. */
export function historyLag(
  history: History | undefined,
  pageIsOpen: boolean,
): { words: string; explanation: string } | null {
  if (!pageIsOpen || history?.state !== 'lagging') return null;
  const why = history.reason === undefined ? '' : `: ${history.reason.replace(/\.$/, '')}`;
  return {
    words: 'lagging',
    explanation: `History is not being written${why}. What is shown here is live; history catches up from the stream.`,
  };
}

/** What to say when alerts are not stored, or not shown any more; `null` when they are. */
export function alertsLag(
  { state, reason, after_ms: afterMs }: AlertsStatus,
  pageIsOpen: boolean,
): { words: string; explanation: string } | null {
  if (!pageIsOpen || (state !== 'lagging' && state !== 'halted')) return null;
  const why = reason === undefined ? '' : `: ${reason.replace(/\.$/, '')}`;
  const lagging = `Alerts are not being stored${why}.`;
  return state === 'lagging'
    ? { words: 'lagging', explanation: `${lagging} They are shown all the same.` }
    : {
        words: 'halted',
        explanation: `Alerts after ${format.localTime(afterMs ?? NaN)} are not shown. ${lagging} They appear once they are.`,
      };
}

/** The badge of a host of which samples arrive that were taken earlier. */
export const BACK_FILLING = 'back-filling';

export function backFilling(samples: number | undefined): string {
  const count = samples === undefined ? '' : `, ${format.count(samples)} so far`;
  return `Samples taken while this host could not be reached are arriving now${count}. They go to their place in history; the figures here stay the newest.`;
}

/** The background part of the page did not start, so nothing can arrive. */
export const BROKEN: Notice = {
  mood: 'bad',
  happened: 'This page could not start completely.',
  next: 'Reload it; if that does not help, the browser may be too old.',
  offers: 'reload',
};

export const LAST_KNOWN = 'Figures below are the last known.';

export const LOADING = { heading: 'Loading this view…', text: '' };

export const NOT_LOADED = {
  heading: 'This view could not be loaded',
  text: 'The server may be away, or newer than this page.',
};

export const NOT_SHOWN = {
  heading: 'This view broke off',
  text: 'It came upon something it cannot show. The other views go on.',
};

export const VIEWS_LABEL = 'Views of the fleet';
export const VIEW_WORDS = { table: 'Table', map: 'Map', alerts: 'Alerts' } as const;

/** Beside the view of alerts: those that nobody acknowledged nor silenced. */
export function openAlerts(count: number): string {
  return `${format.count(count)} open`;
}

/** What the switch does, by the theme it leads to. */
export const THEME_WORDS = {
  light: 'Switch to the light theme',
  dark: 'Switch to the dark theme',
} as const;

/** What the button beside a command says. */
export const COPY_WORDS = { copy: 'Copy', copied: 'Copied' } as const;

export const CONNECTING = { heading: 'Connecting to the server…', text: '' };

export const NO_SERVER = {
  heading: 'Nothing to show yet',
  text: 'Hosts appear here by themselves as soon as the server answers.',
};

export const NO_HOST = {
  heading: 'No host yet',
  text: 'Start a tracker on each machine you want to see here:',
  after: 'The machine appears here by itself, about a second later.',
};

export const NO_MATCH = {
  heading: 'No host matches',
  text: 'Other hosts are hidden by the filter above.',
  action: 'Show all hosts',
};

/** Which resources put a host at its level, when the CPU alone does not say: `disk /`. */
export function causes(info: Info): string {
  return (info.causes ?? []).map((cause) => cause.replace(':', ' ')).join(', ');
}

/** `of 16 GiB` */
export function ofBytes(totalBytes: number): string {
  return `of ${format.bytes(totalBytes)}`;
}

/** The heading of a column, for ears: what it is, and how the list is sorted by it now. */
export function sortBy(column: Column, direction: string | undefined): string {
  // With the words that are seen, for those who say them aloud to a browser.
  const name = `${COLUMN_WORDS[column]}: ${COLUMN_EXPLANATIONS[column]}, sort by it`;
  return direction === undefined ? name : `${name}, now ${direction}`;
}
