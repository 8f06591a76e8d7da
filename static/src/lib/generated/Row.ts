// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * What is told of one host's figures: its index, a bit for each field that is told, and their
 * values, the lowest bit first; `null` for one that is no more.
 *
 * The timestamp is told in full in the first row of a host, and else as the milliseconds since
 * the one told before; what was received is told as the milliseconds before the message.
 */
export type Row = [index: number, mask: number, ...values: (number | null)[]];
