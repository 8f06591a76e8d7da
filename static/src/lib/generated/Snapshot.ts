// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { History } from "./History";
import type { Info } from "./Info";
import type { Link } from "./Link";
import type { Pipeline } from "./Pipeline";
import type { Row } from "./Row";

/**
 * All there is.
 */
export type Snapshot = { 
/**
 * [`PROTOCOL`].
 */
protocol: number, 
/**
 * This run of the server; what is numbered is numbered within it.
 */
session: string, 
/**
 * Number of the last message that is in it.
 */
number: number, 
/**
 * Version of the server.
 */
server_version: string, 
/**
 * When it was made.
 */
server_time_ms: number, 
/**
 * Least time between two messages of changes, in milliseconds; 0 for none.
 */
push_interval_ms: number, 
/**
 * State of the link to the broker.
 */
link: Link, 
/**
 * How history does.
 */
history: History, 
/**
 * What the way from tracker to dashboard does.
 */
pipeline: Pipeline, 
/**
 * Every host by its index.
 */
hosts: Array<[number, Info]>, 
/**
 * All figures of each.
 */
rows: Array<Row>, };
