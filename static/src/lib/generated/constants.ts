// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.

/** Version of the protocol. */
export const PROTOCOL = 2;

/** The latest time a message may tell, and one may ask for. */
export const MAX_TIME_MS = 253402300799999;

/** Longest name of a host; it is ASCII. */
export const MAX_HOST_BYTES = 200;

/** Most active alerts that are told. */
export const MAX_ACTIVE = 1000;

/** Most rows one look may name. */
export const MAX_LOOK_ROWS = 256;

/** Most hosts in detail one look may name. */
export const MAX_LOOK_DETAILS = 8;

/** Points kept of each host. */
export const POINTS_KEPT = 161;

/** A point goes when those on either side of it are less than this apart. */
export const CLOSEST_POINTS_MS = 1500;

/** Most resources one question to history may name. */
export const MAX_HISTORY_NAMES = 64;

/** Most points times resources one question to history may ask for. */
export const MAX_HISTORY_FIGURES = 100000;

/** Longest silence. */
export const MAX_SILENCE_MS = 2592000000;

/** Longest name of who acknowledges or silences. */
export const MAX_BY_CHARACTERS = 64;

/** Longest note to an alert, and reason of a silence. */
export const MAX_NOTE_CHARACTERS = 500;

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
