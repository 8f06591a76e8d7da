/** Which of two analyses of one host is the current one. */

import type { Analysis } from './contract';

/**
 * Whether `next` takes the place of `known`.
 *
 * One with an older timestamp does not, unless the server received it later and still calls it the
 * latest: then the host's clock was set back, and to wait for the old time to come round again
 * would freeze the host for that long.
 */
export function replaces(next: Analysis, known: Analysis): boolean {
  return next.timestamp_ms >= known.timestamp_ms || next.received_ms > known.received_ms;
}
