// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Silence } from "./Silence";

/**
 * `GET /api/v1/silences`.
 */
export type Silences = { 
/**
 * Those that hold now, the one that ends first first.
 */
silences: Array<Silence>, };
