/** Labels of a host, `role=web`, as they come over the wire. */

import { record, string } from './guard';

/** The answer has no prototype: a label may be called `constructor`. */
export function parseLabels(input: unknown, where: string): Record<string, string> {
  const labels = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(record(input, where))) {
    labels[name] = string(value, where);
  }
  return labels;
}
