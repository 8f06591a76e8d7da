// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * What kind of condition an alert is about.
 */
export type AlertKind = "level" | "silent" | "flapping" | "stopped" | "restarted" | "clock" | "pipeline";
