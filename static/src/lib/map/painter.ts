/**
 * Keeps a canvas like the fleet: remembers how each cell was drawn last and draws those that look
 * different now, a few milliseconds at a time.
 */

import { inFrame, notInFrame } from '../frames';
import type { Freshness } from '../store';
import { drawAtlas } from './atlas';
import type { Layout } from './layout';
import { lookOf, tileKey } from './look';
import type { Palette } from './palette';
import { drawTile, type Tile } from './tile';

/** What is drawn: where, which hosts, with what. */
export interface Scene {
  readonly layout: Layout;
  /** Indices of hosts, by place. */
  readonly order: Uint32Array;
  readonly palette: Palette;
  /** Device pixels of one rem. */
  readonly rem: number;
}

/** What is known of a host; asked for every cell at every drawing, so it has to be quick. */
export interface Source {
  level(index: number): number;
  /** Percent; `NaN` when it is not there. */
  cpu(index: number): number;
  freshness(index: number): Freshness;
  hasAlerts(index: number): boolean;
  /** Words for a tile; asked only when one is drawn. */
  tile(index: number): Tile;
}

/** Time for drawing in one frame; the rest waits for the next. */
const BUDGET_MS = 10;

/** Cells drawn between two looks at the clock. */
const CELLS_PER_LOOK = 256;

const NOT_DRAWN = -1;

export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  readonly #source: Source;
  #scene: Scene | undefined;
  #atlas: HTMLCanvasElement | undefined;
  /** By place, how its cell was drawn last. */
  #drawn = new Int32Array(0);
  /** Where the drawing of this round goes on. */
  #cursor = { block: 0, within: 0 };
  /** Whether something changed behind the cursor. */
  #isBehind = false;

  constructor(canvas: HTMLCanvasElement, source: Source) {
    this.#canvas = canvas;
    // Opaque: it stands on a plain ground, and copying is then cheaper.
    this.#context = canvas.getContext('2d', { alpha: false });
    this.#source = source;
  }

  /** From now on shows this. */
  show(scene: Scene): void {
    const before = this.#scene;
    this.#scene = scene;
    const { layout, order, palette } = scene;
    const isTiles = layout.shape === 'tiles';
    if (
      before?.palette !== palette ||
      before.rem !== scene.rem ||
      before.layout.shape !== layout.shape ||
      before.layout.pitchX !== layout.pitchX ||
      before.layout.gap !== layout.gap
    ) {
      const { pitchX: pitch, gap } = layout;
      this.#atlas = isTiles ? undefined : drawAtlas({ pitch, gap, rem: scene.rem }, palette);
    }
    if (before === undefined || !isDrawnAlike(before, scene)) this.#clear(scene);
    // A cell is the same for any host that looks the same; a tile says who it is.
    else if (isTiles) this.#drawn.fill(NOT_DRAWN);
    if (this.#drawn.length !== order.length) {
      this.#drawn = new Int32Array(order.length).fill(NOT_DRAWN);
    }
    this.refresh();
  }

  /** Draws, in the next frames, what differs from how it was drawn. */
  refresh(): void {
    this.#isBehind = true;
    inFrame(this.#paint);
  }

  /** Draws all of it now, whatever it takes: paper does not wait for frames. */
  finish(): void {
    this.#cursor = { block: 0, within: 0 };
    this.#draw(Infinity);
  }

  stop(): void {
    notInFrame(this.#paint);
  }

  #clear({ layout, order, palette }: Scene): void {
    // Even to the same value this clears the canvas, at the price of new memory.
    if (this.#canvas.width !== layout.width) this.#canvas.width = layout.width;
    if (this.#canvas.height !== layout.height) this.#canvas.height = layout.height;
    this.#drawn = new Int32Array(order.length).fill(NOT_DRAWN);
    this.#cursor = { block: 0, within: 0 };
    if (this.#context === null) return;
    this.#context.fillStyle = palette.ground;
    this.#context.fillRect(0, 0, layout.width, layout.height);
  }

  readonly #paint = (): void => {
    this.#draw(performance.now() + BUDGET_MS);
  };

  #draw(endMs: number): void {
    if (this.#scene === undefined || this.#context === null) return;
    if (this.#cursor.block === 0 && this.#cursor.within === 0) this.#isBehind = false;
    const { blocks } = this.#scene.layout;
    let untilLook = CELLS_PER_LOOK;
    while (this.#cursor.block < blocks.length) {
      const block = blocks[this.#cursor.block];
      while (block !== undefined && this.#cursor.within < block.count) {
        const { within } = this.#cursor;
        this.#cursor.within += 1;
        if (!this.#drawIfChanged(this.#scene, this.#context, block, within)) continue;
        untilLook -= 1;
        if (untilLook > 0) continue;
        untilLook = CELLS_PER_LOOK;
        if (performance.now() < endMs) continue;
        inFrame(this.#paint);
        return;
      }
      this.#cursor = { block: this.#cursor.block + 1, within: 0 };
    }
    this.#cursor = { block: 0, within: 0 };
    if (this.#isBehind) inFrame(this.#paint);
  }

  #drawIfChanged(
    { layout, order, palette, rem }: Scene,
    context: CanvasRenderingContext2D,
    block: Layout['blocks'][number],
    within: number,
  ): boolean {
    const place = block.first + within;
    const index = order[place] ?? 0;
    const cpu = this.#source.cpu(index);
    const source = this.#source;
    const hasAlerts = source.hasAlerts(index);
    const look = lookOf(source.level(index), cpu, source.freshness(index), hasAlerts);
    const key = layout.shape === 'tiles' ? tileKey(look, cpu) : look;
    if (this.#drawn[place] === key) return false;
    this.#drawn[place] = key;
    const { pitchX, pitchY, gap } = layout;
    const x = block.x + (within % block.columns) * pitchX;
    const y = block.y + Math.floor(within / block.columns) * pitchY;
    if (this.#atlas !== undefined) {
      context.drawImage(this.#atlas, look * pitchX, 0, pitchX, pitchY, x, y, pitchX, pitchY);
      return true;
    }
    const rectangle = { x, y, width: pitchX - gap, height: pitchY - gap };
    drawTile(context, source.tile(index), rectangle, rem, palette);
    return true;
  }
}

/** Whether each place is where it was, as large, and in the same colours. */
function isDrawnAlike(a: Scene, b: Scene): boolean {
  return (
    a.palette === b.palette &&
    a.rem === b.rem &&
    a.layout.shape === b.layout.shape &&
    a.layout.width === b.layout.width &&
    a.layout.height === b.layout.height &&
    a.layout.pitchX === b.layout.pitchX &&
    a.layout.gap === b.layout.gap &&
    a.layout.blocks.length === b.layout.blocks.length &&
    a.layout.blocks.every((block, i) => {
      const other = b.layout.blocks[i];
      return (
        other?.first === block.first &&
        other.count === block.count &&
        other.columns === block.columns &&
        other.x === block.x &&
        other.y === block.y
      );
    })
  );
}
