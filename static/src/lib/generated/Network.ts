// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * Traffic of one network interface.
 */
export type Network = { 
/**
 * Name of the interface.
 */
interface: string, 
/**
 * Received since the last sample, in bytes a second.
 */
received_bytes_per_second: number, 
/**
 * Transmitted since the last sample, in bytes a second.
 */
transmitted_bytes_per_second: number, };
