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
  readonly wasOpen: boolean;
  readonly link: Link | undefined;
  readonly pipeline: Pipeline | undefined;
  readonly nowMs: number;
}

/** The one thing to say, or `null` when all is well as far as is known. */
export function noticeOf(conditions: Conditions): words.Notice | null {
  const { broken, online, state, wasOpen, link, pipeline, nowMs } = conditions;
  if (broken) return words.BROKEN;
  if (state.phase !== 'open')
    return online ? words.pageNotice(state, wasOpen, nowMs) : words.OFFLINE;
  return words.brokerNotice(link) ?? words.pipelineNotice(pipeline);
}
