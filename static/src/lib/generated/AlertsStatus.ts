// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * Whether what is told of alerts is all there is.
 */
export type AlertsStatus = { "state": "on" } | { "state": "reading" } | { "state": "lagging", 
/**
 * Why, in words for people.
 */
reason: string, } | { "state": "halted", 
/**
 * Why, in words for people.
 */
reason: string, 
/**
 * When the last was published that is told.
 */
after_ms: number, };
