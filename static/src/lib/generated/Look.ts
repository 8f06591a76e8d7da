// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * What is on the screen; replaces what was looked at before.
 */
export type Look = { 
/**
 * Hosts by index, at most 256.
 */
rows: Array<number>, 
/**
 * Hosts by name, at most 8.
 */
detail: Array<string>, };
