// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Alerts } from "./Alerts";
import type { Changes } from "./Changes";
import type { Detail } from "./Detail";
import type { History } from "./History";
import type { Link } from "./Link";
import type { Pipeline } from "./Pipeline";
import type { Resumed } from "./Resumed";
import type { Series } from "./Series";
import type { Snapshot } from "./Snapshot";

/**
 * One text frame to a page. `A` is an analysis as it came over the bus.
 */
export type Message = { "type": "snapshot" } & Snapshot | { "type": "resumed" } & Resumed | { "type": "changes" } & Changes | { "type": "link", 
/**
 * One more than that of the message before.
 */
number: number, 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * Its state.
 */
link: Link, } | { "type": "history", 
/**
 * One more than that of the message before.
 */
number: number, 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * How it does.
 */
history: History, } | { "type": "pipeline", 
/**
 * One more than that of the message before.
 */
number: number, 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * What it does.
 */
pipeline: Pipeline, } | { "type": "alerts" } & Alerts | { "type": "heartbeat", 
/**
 * When it was sent.
 */
server_time_ms: number, } | { "type": "points", 
/**
 * When it was sent.
 */
server_time_ms: number, 
/**
 * Each host by its index.
 */
hosts: Array<[number, Series]>, } | { "type": "detail" } & Detail;
