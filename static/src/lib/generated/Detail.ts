// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Analysis } from "./Analysis";
import type { Labels } from "./Labels";
import type { ResourceThresholds } from "./ResourceThresholds";
import type { System } from "./System";

/**
 * All that is known of one host.
 */
export type Detail = { 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * The name that is looked at.
 */
host: string, 
/**
 * Its newest analysis as it came over the bus; `null`, and nothing more, when no such host
 * is known.
 */
analysis: Analysis | null, 
/**
 * When the server received that.
 */
received_ms?: number, 
/**
 * The last it told; it comes about once a minute.
 */
system?: System, 
/**
 * The last it told.
 */
labels?: Labels, 
/**
 * The last its analyzer told.
 */
thresholds?: Array<ResourceThresholds>, 
/**
 * The host's clock less the server's, so far as delays let it be seen.
 */
clock_offset_ms?: number, 
/**
 * Samples that came at least 2 s behind a newer one.
 */
late_samples?: number, 
/**
 * Samples its tracker had to drop, since the server first heard of it.
 */
dropped_samples?: number, };
