// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * From which percentages one resource counts as MEDIUM and as HIGH.
 */
export type ResourceThresholds = { 
/**
 * Name of the resource, as in [`ResourceLevel::name`].
 */
resource: string, 
/**
 * Percentage from which it is MEDIUM; at most `high`.
 */
medium: number, 
/**
 * Percentage from which it is HIGH.
 */
high: number, };
