// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { HostName } from "./HostName";
import type { Labels } from "./Labels";

/**
 * What hardly ever changes of a host on a page.
 */
export type Info = { 
/**
 * Its name.
 */
host: HostName, 
/**
 * Time between samples as the tracker promises it, above 0.
 */
interval_ms?: number, 
/**
 * What it calls itself besides.
 */
labels?: Labels, 
/**
 * Main memory, in bytes.
 */
memory_total_bytes?: number, 
/**
 * When it started, by its own clock, to within 5 s.
 */
booted_ms?: number, 
/**
 * The resources that have the level of the host, when that is above LOW and it is not the
 * CPU alone.
 */
causes?: Array<string>, 
/**
 * Samples that came at least 2 s behind a newer one.
 */
late_samples?: number, 
/**
 * When the last of them came, by the server's clock.
 */
late_ms?: number, 
/**
 * Samples its tracker had to drop, since the server first heard of it.
 */
dropped_samples?: number, };
