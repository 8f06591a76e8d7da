// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
/**
 * `POST /api/v1/alerts/{id}/acknowledgement`.
 */
export type NewAcknowledgement = { 
/**
 * Who acknowledges; may be left out where a proxy tells.
 */
by?: string, 
/**
 * What they say of it, at most 500 characters.
 */
note?: string, };
