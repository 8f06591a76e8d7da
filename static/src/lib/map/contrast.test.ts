import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { OPACITY } from './atlas';

type Colour = readonly [red: number, green: number, blue: number];

const css = readFileSync(new URL('../../app.css', import.meta.url), 'utf8');

/** A colour of the page, in its light and dark theme, without more contrast asked for. */
function token(name: string, theme: 'light' | 'dark'): Colour {
  const pair = new RegExp(`--${name}: light-dark\\(#(\\w{6}), #(\\w{6})\\)`).exec(css);
  const hex = pair?.[theme === 'light' ? 1 : 2] ?? '';
  const at = (start: number) => parseInt(hex.slice(start, start + 2), 16);
  return [at(0), at(2), at(4)];
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Colour;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Colour, other: Colour): number {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return ((lighter ?? 0) + 0.05) / ((darker ?? 0) + 0.05);
}

const over = (colour: Colour, ground: Colour, opacity: number) =>
  colour.map((value, i) => value * opacity + (ground[i] ?? 0) * (1 - opacity)) as unknown as Colour;

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  it.each([
    ['medium', 1, 'chart-medium-ink'],
    ['high', 2, 'high-ink'],
  ])('the shape of %s can be told from every strength of its colour', (level, number, ink) => {
    for (const opacity of OPACITY[number] ?? []) {
      const cell = over(token(`chart-${level}`, theme), token('ground', theme), opacity);
      expect(contrast(token(ink, theme), cell)).toBeGreaterThanOrEqual(3);
    }
  });
});
