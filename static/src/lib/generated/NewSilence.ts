// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { AlertKind } from "./AlertKind";
import type { HostName } from "./HostName";

/**
 * `POST /api/v1/silences`.
 */
export type NewSilence = { 
/**
 * The host it is about.
 */
host: HostName, 
/**
 * The resource it is about; every one, and the host as a whole, when absent.
 */
resource?: string, 
/**
 * What kind of condition it is about; every one when absent.
 */
kind?: AlertKind, 
/**
 * How long it lasts, at most 30 days.
 */
for_ms: number, 
/**
 * Who asks for it; may be left out where a proxy tells.
 */
by?: string, 
/**
 * Why, at most 500 characters.
 */
reason?: string, };
