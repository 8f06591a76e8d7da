// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * The state of a link and since when it holds.
 */
export type Link = { 
/**
 * Since when: milliseconds since the Unix epoch, UTC.
 */
since_ms: number, } & ({ "state": "up" } | { "state": "connecting" } | { "state": "blocked", 
/**
 * The broker's words.
 */
reason: string, } | { "state": "down", 
/**
 * What broke it, without any password.
 */
reason: string, } | { "state": "refused", 
/**
 * The broker's words.
 */
reason: string, } | { "state": "closed" });
