/** Instants as people read them: in their own time, or in UTC. */

import { utcTime } from '../format';

export { iso } from '../format';

const DAY_MS = 86_400_000;

const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const monthAndYear = new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric' });

/** `18:20:11 UTC`, where the day is told beside it. */
export function utcClock(instantMs: number): string {
  return utcTime(instantMs).slice(-12);
}

/** Labels of an axis whose marks are `stepMs` apart; the day is told where it changes. */
export function axisLabels(instantsMs: readonly number[], stepMs: number): string[] {
  let day = '';
  return instantsMs.map((instantMs) => {
    if (stepMs >= 28 * DAY_MS) return monthAndYear.format(instantMs);
    const today = dayAndMonth.format(instantMs);
    if (stepMs >= DAY_MS) return today;
    const time = (stepMs < 60_000 ? clockWithSeconds : clock).format(instantMs);
    const label = today === day ? time : `${time}\n${today}`;
    day = today;
    return label;
  });
}

/** What `<input type="datetime-local">` holds for an instant: `2026-11-20T19:20:11`. */
export function inputValue(instantMs: number): string {
  const offsetMs = new Date(instantMs).getTimezoneOffset() * 60_000;
  return new Date(instantMs - offsetMs).toISOString().slice(0, 19);
}

/** The instant such an input stands for; `null` while it is not complete. */
export function fromInput(value: string): number | null {
  const instantMs = new Date(value).getTime();
  return value === '' || Number.isNaN(instantMs) ? null : instantMs;
}
