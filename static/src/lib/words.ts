/** Every sentence that depends on a state, in one place and out of the logic. */

import type { Analysis, History, Level, Link, LinkState } from './contract';
import * as format from './format';
import type { SortKey } from './filter';
import type { SocketState } from './socket';

export const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  HIGH: 'High',
  MEDIUM: 'Medium',
  LOW: 'Low',
};

export const SORT_WORDS: Readonly<Record<SortKey, string>> = {
  name: 'Host',
  level: 'Level',
  cpu: 'CPU',
  memory: 'Memory',
  load: 'Load',
  age: 'Age',
};

export const START_TRACKER =
  'resources-tracker --host NAME --broker-url amqp://USER:PASSWORD@BROKER:5672/%2f';

export function title(high: number): string {
  return high > 0 ? `(${format.count(high)} HIGH) Resources` : 'Resources';
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

export function pageCondition(state: SocketState): Condition {
  switch (state.phase) {
    case 'open':
      return { mood: 'good', words: 'connected' };
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
    case 'down':
      return { mood: 'bad', words: 'not connected' };
    case 'refused':
      return { mood: 'bad', words: 'refused' };
    case 'closed':
      return { mood: 'bad', words: 'closed' };
  }
}

export interface Notice {
  /** What happened. */
  readonly happened: string;
  /** Why, or what to look at, where it is known. */
  readonly why?: string;
  /** What comes next; may change every second, so it is not read aloud. */
  readonly next: string;
  readonly offers: 'retry' | 'reload' | 'nothing';
}

/** What to say about the page's own connection; `null` when all is well, or nothing is known yet. */
export function pageNotice(state: SocketState, wasOpen: boolean, nowMs: number): Notice | null {
  if (state.phase === 'open') return null;
  if (state.phase === 'connecting') {
    if (!wasOpen) return null;
    return { happened: 'Connection to the server lost.', next: 'Trying now…', offers: 'nothing' };
  }
  const seconds = Math.max(1, Math.ceil((state.retryAtMs - nowMs) / 1_000));
  const next = `Trying again in ${seconds} s…`;
  if (state.why === 'incompatible') {
    return {
      happened: 'The server speaks another version than this page.',
      why: 'Reload to get the page that fits.',
      next,
      offers: 'reload',
    };
  }
  if (!wasOpen) return { happened: 'The server cannot be reached.', next, offers: 'retry' };
  if (state.why === 'silent') {
    return { happened: 'The server has fallen silent.', next, offers: 'retry' };
  }
  return { happened: 'Connection to the server lost.', next, offers: 'retry' };
}

/** What to say about the link between server and broker; `null` when it is up. */
export function brokerNotice(link: Link | undefined): Notice | null {
  if (link === undefined || link.state === 'up') return null;
  const happened: Record<Exclude<LinkState, 'up'>, string> = {
    connecting: 'The server is connecting to the broker.',
    blocked: 'The broker is short of memory or disk and holds back what is published.',
    down: 'The server has lost its link to the broker.',
    refused: 'The broker refuses the server.',
    closed: 'The server has closed its link to the broker and is about to stop.',
  };
  const next: Partial<Record<LinkState, string>> = {
    down: 'The server keeps trying.',
    refused: 'Check its user, password and permissions.',
  };
  return {
    happened: happened[link.state],
    ...(link.reason !== undefined && { why: `Reason: ${link.reason.replace(/\.$/, '')}.` }),
    next: next[link.state] ?? '',
    offers: 'nothing',
  };
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

/** The badge of a host of which samples arrive that were taken earlier. */
export const BACK_FILLING = 'back-filling';

export function backFilling(samples: number | undefined): string {
  const count = samples === undefined ? '' : `, ${format.count(samples)} so far`;
  return `Samples taken while this host could not be reached are arriving now${count}. They go to their place in history; the figures here stay the newest.`;
}

/** The background part of the page did not start, so nothing can arrive. */
export const BROKEN: Notice = {
  happened: 'This page could not start completely.',
  next: 'Reload it; if that does not help, the browser may be too old.',
  offers: 'reload',
};

export const LAST_KNOWN = 'Figures below are the last known.';

export const CONNECTING = { heading: 'Connecting to the server…', text: '' };

export const NO_SERVER = {
  heading: 'Nothing to show yet',
  text: 'Hosts appear here by themselves as soon as the server answers.',
};

export const NO_HOST = {
  heading: 'No host yet',
  text: 'Start a tracker on each machine you want to see here:',
  after: 'It appears by itself, about a second later.',
};

export const NO_MATCH = {
  heading: 'No host matches',
  text: 'Other hosts are hidden by the search or by the levels chosen above.',
  action: 'Show all hosts',
};

/** Which resources put a host at its level, when the CPU alone does not say: `disk / · 93%`. */
export function causes(analysis: Analysis): string {
  if (analysis.level === 'LOW' || analysis.cpu_result === analysis.level) return '';
  return analysis.resources
    .filter((resource) => resource.level === analysis.level)
    .map(
      (resource) =>
        `${resource.name.replace(':', ' ')} · ${format.wholePercentage(resource.percentage)}`,
    )
    .join(', ');
}

export function uptime(seconds: number | undefined): string {
  return seconds === undefined ? '' : `up ${format.age(seconds * 1_000)}`;
}
