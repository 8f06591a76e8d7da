// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.

/** Version of the protocol. */
export const PROTOCOL = 2;

/** Most active alerts that are told. */
export const MAX_ACTIVE = 1000;

/** What a row may tell; the place of each is its bit in the mask. */
export const ROW_FIELDS = [
  'timestamp',
  'received',
  'level',
  'cpu',
  'memory',
  'swap',
  'disk',
  'load',
  'received_bytes_per_second',
  'transmitted_bytes_per_second',
  'temperature',
  'cpu_level',
  'memory_level',
  'swap_level',
  'disk_level',
] as const;

export type RowField = (typeof ROW_FIELDS)[number];
