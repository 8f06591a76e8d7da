// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * What the way from tracker to dashboard is doing.
 */
export type PipelineState = "flowing" | "idle" | "no_analyzer" | "stalled" | "unknown";
