// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * From which percentages a resource has which level.
 */
export type ResourceThresholds = { 
/**
 * Name of the resource.
 */
resource: string, 
/**
 * Percentage from which it is MEDIUM.
 */
medium: number, 
/**
 * Percentage from which it is HIGH.
 */
high: number, };
