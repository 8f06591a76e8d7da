/** Where a key leads in a list of rows, or of cards side by side. */

export interface Spot {
  /** Place now; −1 when none is chosen. */
  readonly place: number;
  readonly count: number;
  /** Hosts side by side. */
  readonly lanes: number;
  /** Places that a page up or down moves. */
  readonly page: number;
}

/** `undefined` for a key that leads nowhere. */
export function step(key: string, { place, count, lanes, page }: Spot): number | undefined {
  if (count === 0) return undefined;
  const leads: Readonly<Record<string, number>> = {
    ArrowDown: place < 0 ? 0 : place + lanes,
    ArrowUp: place < 0 ? 0 : place - lanes,
    PageDown: place < 0 ? 0 : place + page,
    PageUp: place - page,
    Home: 0,
    End: count - 1,
    ...(lanes > 1 && { ArrowRight: place + 1, ArrowLeft: place - 1 }),
  };
  const next = Object.hasOwn(leads, key) ? leads[key] : undefined;
  return next === undefined ? undefined : Math.min(count - 1, Math.max(0, next));
}
