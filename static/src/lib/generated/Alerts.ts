// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { AlertEntry } from "./AlertEntry";
import type { AlertsStatus } from "./AlertsStatus";
import type { HostName } from "./HostName";

/**
 * `{"type":"alerts"}`: how many alerts are active, and the newest of them.
 *
 * Behind a snapshot it comes without a number and with `active`, which replaces all that was
 * known. Otherwise it is numbered, and tells what changed since the one before. A page keeps the
 * newest [`MAX_ACTIVE`], by `since_ms` and then by `id`, and of every host how many it has.
 */
export type Alerts = { 
/**
 * One more than that of the message before; absent behind a snapshot.
 */
number?: number, 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * Whether that is all there is.
 */
status: AlertsStatus, 
/**
 * Active alerts that are neither acknowledged nor silenced.
 */
count: number, 
/**
 * All active alerts.
 */
total: number, 
/**
 * The newest active ones, newest first; replaces what was known.
 */
active?: Array<AlertEntry>, 
/**
 * Active ones that are new among the newest, or otherwise than before.
 */
changed?: Array<AlertEntry>, 
/**
 * The `id`s of those that ended.
 */
cleared?: Array<string>, 
/**
 * How many active alerts a host has: behind a snapshot of every host that has any, which
 * replaces what was known, otherwise of those of which that may have changed, down to 0.
 */
hosts?: Array<[HostName, number]>, };
