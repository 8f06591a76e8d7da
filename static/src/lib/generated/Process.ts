// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * One process.
 */
export type Process = { 
/**
 * Process id.
 */
pid: number, 
/**
 * Name of the program.
 */
name: string, 
/**
 * CPU it uses, as a percentage of all cores, 0–100.
 */
cpu_percentage: number, 
/**
 * Memory resident, in bytes.
 */
memory_bytes: number, };
