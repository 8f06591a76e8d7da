/** The words of the fleet map. */

import * as format from '../format';
import type { Group } from '../map/grouping';
import type { Tally } from '../map/tally';
import { hosts, LEVEL_WORDS } from '../words';

export const MAP = 'Map of hosts';
export const KEYS =
  'Arrow keys go from host to host, Page Up and Page Down from group to group, Enter opens a host.';
export const OPEN = 'Open this host';

export const GROUP_BY = 'Group by';
export const BY_NOTHING = 'nothing';
export const BY_LEVEL = 'level';
export const BY_NAME = 'name, as in web-*';
export const BY_LABEL = 'label';

export const LEGEND = 'What cells look like';
export const MORE_CPU = 'stronger: more CPU';

export const WITH_ALERTS = 'active alerts';
/** In the corner of a tile. */
export const ALERT_SIGN = '!';

export const CPU = 'CPU';
export const MEMORY = 'Memory';
export const DISK = 'Fullest disk';
export const LOAD = 'Load';
export const AGE = 'Age';
export const NOT_SENT = '–';

/** What heads a group; `label` is what hosts are grouped by, if it is one. */
export function groupName({ kind, key, first, end }: Group, label: string | undefined): string {
  switch (kind) {
    case 'all':
      return 'All hosts';
    case 'level':
      return LEVEL_WORDS[key as keyof typeof LEVEL_WORDS];
    case 'name':
      return end - first === 1 ? key : `${key}*`;
    case 'label':
      return key === '' ? `${label ?? ''} empty` : key;
    case 'unlabelled':
      return `No label ${label ?? ''}`;
    case 'others':
      return 'Others';
  }
}

/** `120 hosts: 3 High, 20 Medium, 97 Low, 2 late.` */
export function tallyWords(tally: Tally): string {
  const [low, medium, high] = tally.levels;
  const parts = [
    ...(high > 0 ? [`${format.count(high)} ${LEVEL_WORDS.HIGH}`] : []),
    ...(medium > 0 ? [`${format.count(medium)} ${LEVEL_WORDS.MEDIUM}`] : []),
    ...(low > 0 ? [`${format.count(low)} ${LEVEL_WORDS.LOW}`] : []),
    ...(tally.late > 0 ? [lateWords(tally.late)] : []),
    ...(tally.silent > 0 ? [silentWords(tally.silent)] : []),
  ];
  return `${hosts(tally.hosts)}: ${parts.join(', ')}.`;
}

export function lateWords(count: number): string {
  return `${format.count(count)} late`;
}

export function silentWords(count: number): string {
  return `${format.count(count)} silent`;
}
