/**
 * How a cell looks, as one small number: what differs in it has to be drawn anew, what does not need
 * not. Pure.
 */

import type { Freshness } from '../store';

export interface Look {
  /** 0 low, 1 medium, 2 high. */
  readonly level: number;
  /** Strength of the colour within its level, from 0. */
  readonly step: number;
  readonly freshness: Freshness;
  readonly hasAlerts: boolean;
}

/** Strengths of colour in each level. */
export const STEPS = 4;

const FRESHNESS: readonly Freshness[] = ['fresh', 'late', 'silent'];

/** Looks of hosts without alerts; as many more have some. */
const CALM = 3 * STEPS * FRESHNESS.length;

/** Looks there are; their codes are below this. */
export const LOOKS = 2 * CALM;

/**
 * The code of a host's look. `cpu` is in percent and `NaN` when it is not there. Of a silent host the
 * strength is not told: its figures say nothing about now.
 */
export function lookOf(
  level: number,
  cpu: number,
  freshness: Freshness,
  hasAlerts = false,
): number {
  const step =
    freshness === 'silent' || !(cpu > 0) ? 0 : Math.min(STEPS - 1, Math.floor((cpu / 100) * STEPS));
  const calm = (FRESHNESS.indexOf(freshness) * 3 + level) * STEPS + step;
  return hasAlerts ? CALM + calm : calm;
}

export function decode(look: number): Look {
  const rest = Math.floor((look % CALM) / STEPS);
  return {
    level: rest % 3,
    step: look % STEPS,
    freshness: FRESHNESS[Math.floor(rest / 3)] ?? 'fresh',
    hasAlerts: look >= CALM,
  };
}

/** Codes that share the rest of a key's bits with a whole percentage, for tiles that show one. */
const UNKNOWN_PERCENTAGE = 127;

/** What a tile shows, as one number: its look and the figure in it. */
export function tileKey(look: number, cpu: number): number {
  return look * 128 + (Number.isNaN(cpu) ? UNKNOWN_PERCENTAGE : Math.round(cpu));
}
