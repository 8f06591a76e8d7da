// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * One mounted file system.
 */
export type Disk = { 
/**
 * Where it is mounted.
 */
mount_point: string, 
/**
 * Size, in bytes.
 */
total_bytes: number, 
/**
 * In use, in bytes; at most the total.
 */
used_bytes: number, };
