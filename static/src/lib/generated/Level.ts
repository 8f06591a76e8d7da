// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * How heavily a resource is used.
 */
export type Level = "LOW" | "MEDIUM" | "HIGH";
