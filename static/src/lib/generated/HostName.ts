// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * A checked host name: 1–200 bytes of ASCII letters, digits, `-`, `_` and `.`, no empty label.
 *
 * The only way to hold a host's name, so whoever has one may put it in a routing key, a page
 * or a log line without checking again. Cloning is cheap.
 */
export type HostName = string;
