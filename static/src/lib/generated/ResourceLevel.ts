// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Level } from "./Level";

/**
 * One resource and how heavily it is used.
 */
export type ResourceLevel = { 
/**
 * `cpu`, `memory`, `swap` or `disk:<mount point>`.
 */
name: string, 
/**
 * Its usage, 0–100.
 */
percentage: number, 
/**
 * Its level by the thresholds that hold for this host.
 */
level: Level, };
