// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { AlertEntry } from "./AlertEntry";

/**
 * `GET /api/v1/alerts`.
 */
export type AlertList = { 
/**
 * Active ones first, by when they began; then those that ended, by when they did; each the
 * newest first.
 */
alerts: Array<AlertEntry>, 
/**
 * Where there are more: the parameter `before` of the next question.
 */
next?: string, };
