import type { Cell, Row } from './results.ts';

/** A number in as few digits as say something. */
export function short(number: number): string {
  if (number >= 100) return Math.round(number).toLocaleString('en-US');
  return String(Number(number.toPrecision(number >= 1 ? 3 : 2)));
}

/** `1.02 (0.97–1.10)` */
export function ratioText({ ratio }: Cell): string {
  if (ratio === undefined) return '';
  return `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
}

export function detailsText({ details = {} }: Cell): string {
  return Object.entries(details)
    .map(([name, number]) => `${short(number)} ${name}`)
    .join(', ');
}

/** One line for the terminal. */
export function rowLine({ id, unit, cells }: Row): string {
  const parts = Object.entries(cells).map(([name, cell]) => {
    const ratio = cell.ratio === undefined ? '' : ` ×${cell.ratio.median.toFixed(2)}`;
    return `${name} ${short(cell.value.median)}${ratio}`;
  });
  return `${id.padEnd(36)} ${unit.padEnd(9)} ${parts.join(' · ')}`;
}
