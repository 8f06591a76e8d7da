// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * What hardly ever changes about a host.
 */
export type System = { 
/**
 * Operating system and its version.
 */
os?: string, 
/**
 * Version of the kernel.
 */
kernel?: string, 
/**
 * Model of the first CPU.
 */
cpu_model?: string, 
/**
 * Number of logical cores.
 */
cores?: number, 
/**
 * Version of the tracker that sent this.
 */
tracker_version?: string, };
