// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * `History` of docs/api.md: whether what is told is kept as well.
 */
export type History = { "state": "off" } | { "state": "on" } | { "state": "lagging", 
/**
 * Why, in words for people.
 */
reason: string, };
