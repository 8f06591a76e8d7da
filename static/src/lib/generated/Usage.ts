// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * How much of something countable in bytes is in use.
 */
export type Usage = { 
/**
 * All there is, in bytes.
 */
total_bytes: number, 
/**
 * What is in use, in bytes; at most the total.
 */
used_bytes: number, };
