// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * Who knows of an alert.
 */
export type Acknowledged = { 
/**
 * Who acknowledged it.
 */
by: string, 
/**
 * When.
 */
at_ms: number, 
/**
 * What they said of it.
 */
note?: string, };
