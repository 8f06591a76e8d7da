// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * The labels of a host, such as `role=web`, by name.
 *
 * The only way to hold labels, so whoever has them may show them without checking again: there
 * are at most 16, a name is 1–63 ASCII letters, digits, `-`, `_`, `.` and `/`, a value at most
 * 128 characters, none of which is a control character or turns the direction of text.
 */
export type Labels = { [name: string]: string };
