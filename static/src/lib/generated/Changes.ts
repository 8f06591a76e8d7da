// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Info } from "./Info";
import type { Row } from "./Row";

/**
 * What changed, to be applied in the order of the fields. An empty list is left out.
 */
export type Changes = { 
/**
 * One more than that of the message before.
 */
number: number, 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * Hosts that are no more; their indices may be given to others from here on.
 */
gone?: Array<number>, 
/**
 * Hosts that are new, or whose information changed: all of it.
 */
hosts?: Array<[number, Info]>, 
/**
 * A row for each host with a newer sample: what changed since its row before.
 */
rows?: Array<Row>, 
/**
 * Samples that no row tells, because a newer one came before them: index, timestamp and
 * tenths of a percent of CPU.
 */
points?: Array<[number, number, number]>, };
