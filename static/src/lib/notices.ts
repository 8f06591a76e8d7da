/** What is not as it should be, the cause nearest to the page first; what follows from it is left out. */

import type { Link, Pipeline } from './contract';
import type { SocketState } from './socket';
import * as words from './words';

export interface Conditions {
  /** Whether this browser has a network at all. */
  readonly online: boolean;
  /** Whether the listening part of the page could not be started. */
  readonly broken: boolean;
  readonly state: SocketState;
  /** Whether the connection is open and yet says nothing for too long. */
  readonly isQuiet: boolean;
  readonly wasOpen: boolean;
  readonly link: Link | undefined;
  readonly pipeline: Pipeline | undefined;
  readonly nowMs: number;
}

/** The one thing to say, or `null` when all is well as far as is known. */
export function noticeOf(conditions: Conditions): words.Notice | null {
  const { broken, online, state, isQuiet, wasOpen, link, pipeline, nowMs } = conditions;
  if (broken) return words.BROKEN;
  const isOpen = state.phase === 'open';
  // A network may be gone long before a connection over it counts as dead.
  if (!online && (!isOpen || isQuiet)) return words.OFFLINE;
  if (!isOpen) return words.pageNotice(state, wasOpen, nowMs);
  if (isQuiet) return words.QUIET;
  return words.brokerNotice(link) ?? words.pipelineNotice(pipeline);
}
