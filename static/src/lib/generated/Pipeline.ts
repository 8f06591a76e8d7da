// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { PipelineState } from "./PipelineState";

/**
 * `Pipeline` of docs/api.md.
 */
export type Pipeline = { 
/**
 * What it does.
 */
state: PipelineState, 
/**
 * Since when: milliseconds since the Unix epoch, UTC, by the server's clock.
 */
since_ms: number, 
/**
 * How many measures wait, at least; absent when that was not asked.
 */
waiting_measures?: number, };
