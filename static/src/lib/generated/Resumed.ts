// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { History } from "./History";
import type { Link } from "./Link";
import type { Pipeline } from "./Pipeline";

/**
 * Where a page goes on that was away for a moment.
 */
export type Resumed = { 
/**
 * [`PROTOCOL`].
 */
protocol: number, 
/**
 * This run of the server, as the page said.
 */
session: string, 
/**
 * Number of the last message the page has, as it said.
 */
number: number, 
/**
 * When it was made.
 */
server_time_ms: number, 
/**
 * State of the link to the broker now.
 */
link: Link, 
/**
 * How history does now.
 */
history: History, 
/**
 * What the way from tracker to dashboard does now.
 */
pipeline: Pipeline, };
