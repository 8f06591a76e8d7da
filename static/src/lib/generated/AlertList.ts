// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { AlertEntry } from "./AlertEntry";
import type { AlertsStatus } from "./AlertsStatus";

/**
 * `GET /api/v1/alerts`.
 */
export type AlertList = { 
/**
 * Whether that is all there is.
 */
status: AlertsStatus, 
/**
 * Active ones first, by when they began; then those that ended, by when they did; each the
 * newest first.
 */
alerts: Array<AlertEntry>, 
/**
 * Where there are more: the parameter `before` of the next question.
 */
next?: string, };
