/** Every sentence that depends on a state, in one place and out of the logic. */

import type { Level, Link } from './contract';
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
      happened: 'The server speaks another version than this page. Reload to get the page anew.',
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
  const reason = link.reason === undefined ? '' : ` Reason: ${link.reason.replace(/\.$/, '')}.`;
  const happened: Record<Exclude<Link['state'], 'up'>, string> = {
    connecting: 'The server is connecting to the broker.',
    blocked: `The broker is short of memory or disk and holds back what is published.${reason}`,
    down: `The server has lost its link to the broker.${reason}`,
    refused: `The broker refuses the server.${reason} Check its user, password and permissions.`,
    closed: 'The server has closed its link to the broker; it is about to stop.',
  };
  return {
    happened: happened[link.state],
    next: link.state === 'down' ? 'The server keeps trying.' : '',
    offers: 'nothing',
  };
}
