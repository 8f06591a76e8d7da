/** What can be done with the range of the charts, by pointer, by keyboard and by button. */

export interface Navigation {
  /** Makes the range `factor` times as long, around an instant or its middle. */
  readonly scale: (factor: number, aroundMs?: number) => void;
  /** Moves the range by a share of its length; earlier when below zero. */
  readonly move: (share: number) => void;
  /** Shows what lies between two instants, in either order. */
  readonly draw: (oneMs: number, otherMs: number) => void;
  /** Back to what was shown before the zooming began. */
  readonly reset: () => void;
}
