// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * Points of one host, oldest first: a timestamp and tenths of a percent of CPU, then for each
 * further point the milliseconds since the one before and its CPU.
 */
export type Series = Array<number>;
