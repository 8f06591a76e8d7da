// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Acknowledged } from "./Acknowledged";
import type { AlertKind } from "./AlertKind";
import type { HostName } from "./HostName";
import type { Level } from "./Level";

/**
 * One episode of an alert, from raised to cleared.
 */
export type AlertEntry = { 
/**
 * Identifies the episode.
 */
id: string, 
/**
 * The host it is about.
 */
host: HostName, 
/**
 * The resource it is about; absent when it is the whole host.
 */
resource?: string, 
/**
 * What kind of condition it is.
 */
kind: AlertKind, 
/**
 * Level of the last message while it was raised, where the condition has one.
 */
level?: Level, 
/**
 * Usage at that moment, 0–100, where the condition has one.
 */
percentage?: number, 
/**
 * When the condition began.
 */
since_ms: number, 
/**
 * When the last message of it was made.
 */
timestamp_ms: number, 
/**
 * When it ended; absent while it is active.
 */
cleared_ms?: number, 
/**
 * How often it was told again.
 */
repeat?: number, 
/**
 * Who knows of it.
 */
acknowledged?: Acknowledged, 
/**
 * Until when nobody is told of it; absent when it is not silenced now.
 */
silenced_until_ms?: number, };
