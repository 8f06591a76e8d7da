/** Figures with their units, as people read them. Numbers only, no sentences. */

import * as format from '../format';
import type { Unit } from './charts';

/** `54.0 °C` */
export function celsius(degrees: number): string {
  return `${degrees.toFixed(1)}\u00a0°C`;
}

const FORMATS: Readonly<Record<Unit, (value: number) => string>> = {
  percentage: format.percentage,
  load: format.load,
  rate: format.rate,
  celsius,
};

export function figure(unit: Unit, value: number): string {
  return FORMATS[unit](value);
}

/** At the side of a chart, where there is little room and figures are round. */
const SHORT_FORMATS: Readonly<Record<Unit, (value: number) => string>> = {
  percentage: (value) => `${value}%`,
  load: (value) => String(value),
  rate: (value) => format.rate(value).replace('.0', ''),
  celsius: (value) => `${value}°`,
};

export function axisFigure(unit: Unit, value: number): string {
  return SHORT_FORMATS[unit](value);
}
