// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { AlertKind } from "./AlertKind";
import type { HostName } from "./HostName";

/**
 * A time in which nobody is told of a host, or of a part of it.
 */
export type Silence = { 
/**
 * Identifies the silence.
 */
id: string, 
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
 * When it began.
 */
from_ms: number, 
/**
 * When it is over.
 */
until_ms: number, 
/**
 * Who asked for it.
 */
by: string, 
/**
 * Why.
 */
reason?: string, };
