// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Look } from "./Look";

/**
 * One text frame from a page.
 */
export type PageMessage = { "type": "look" } & Look;
