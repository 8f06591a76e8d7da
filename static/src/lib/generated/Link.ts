import type { LinkState } from './LinkState';

/** State of the server's own link to the broker. */
export type Link = { state: LinkState; since_ms: number; reason?: string };
