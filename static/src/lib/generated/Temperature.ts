// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * One temperature sensor.
 */
export type Temperature = { 
/**
 * What the sensor calls itself.
 */
label: string, 
/**
 * Its reading, in degrees Celsius.
 */
celsius: number, };
