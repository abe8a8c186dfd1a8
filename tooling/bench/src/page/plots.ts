import type { BackendResults, Results, Row } from '../results.ts';
import { short } from '../row-text.ts';
import { box, colours, drawing, path, stroke, text } from './svg.ts';

/** The plots, by the names of their files. */
export function plots({ backends }: Results): Record<string, string> {
  const drawn: Record<string, string> = {};
  for (const { backend, rows } of backends) {
    const compared = rows.filter(({ id, cells }) => id.startsWith('calls/') && cells['bare'] !== undefined);
    if (compared.length > 0) drawn[`${backend}-calls.svg`] = ratioBars(`${backend}: store / bare`, compared);
    drawGrowth(drawn, { backend, rows }, 'keys', 'keys');
    drawGrowth(drawn, { backend, rows }, 'watchers', 'watchers');
  }
  return drawn;
}

function drawGrowth(
  drawn: Record<string, string>,
  { backend, rows }: Pick<BackendResults, 'backend' | 'rows'>,
  section: string,
  axis: string,
): void {
  const lines = new Map<string, [x: number, y: number][]>();
  let unit = '';
  for (const row of rows) {
    const [own, name = '', size] = row.id.split('/');
    if (own !== section) continue;
    unit = row.unit;
    lines.set(name, [...(lines.get(name) ?? []), [Number(size), row.cells['store']?.value.median ?? Number.NaN]]);
  }
  if (lines.size > 0) drawn[`${backend}-${section}.svg`] = curves(`${backend}: ${unit}`, axis, lines);
}

const rowHeight = 22;
const labels = 150;
const plotWidth = 400;

/** A bar for each row from 0, its range as a line, and a mark at 1. */
function ratioBars(title: string, rows: readonly Row[]): string {
  const longest = 2;
  const at = (ratio: number) => labels + (Math.min(ratio, longest) / longest) * plotWidth;
  const height = 50 + rows.length * rowHeight;
  const bars = rows.map(({ id, cells }, i) => {
    const { median = 0, min = 0, max = 0 } = cells['bare']?.ratio ?? {};
    const y = 40 + i * rowHeight;
    return [
      text({ x: labels - 8, y: y + 12 }, id.split('/').slice(1).join(', '), 'end'),
      box({ x: labels, y: y + 3 }, at(median) - labels, 12, colours[0] as string),
      stroke({ x: at(min), y: y + 9 }, { x: at(max), y: y + 9 }),
      text({ x: labels + plotWidth + 8, y: y + 12 }, median.toFixed(2)),
    ].join('\n');
  });
  return drawing(labels + plotWidth + 60, height, [
    text({ x: 8, y: 20 }, title),
    ...bars,
    stroke({ x: at(1), y: 34 }, { x: at(1), y: height - 8 }),
    text({ x: at(1), y: 30 }, '1', 'middle'),
  ]);
}

/** Both axes are logarithmic. */
function curves(title: string, axis: string, lines: ReadonlyMap<string, readonly [x: number, y: number][]>): string {
  const [left, top, width, height] = [70, 40, 400, 260];
  const points = [...lines.values()].flat();
  const x = logScale(
    points.map(([size]) => size),
    left,
    left + width,
  );
  const y = logScale(
    points.map(([, value]) => value),
    top + height,
    top,
  );
  const grid = [
    ...y.decades.map((decade) => [
      stroke({ x: left, y: y.at(decade) }, { x: left + width, y: y.at(decade) }, '#80808040'),
      text({ x: left - 8, y: y.at(decade) + 4 }, short(decade), 'end'),
    ]),
    ...x.decades.map((decade) => [
      stroke({ x: x.at(decade), y: top }, { x: x.at(decade), y: top + height }, '#80808040'),
      text({ x: x.at(decade), y: top + height + 18 }, short(decade), 'middle'),
    ]),
  ].flat();
  const drawn = [...lines].flatMap(([name, values], i) => {
    const colour = colours[i % colours.length] as string;
    const places = values.map(([size, value]) => ({ x: x.at(size), y: y.at(value) }));
    const legend = { x: left + width + 20, y: top + 10 + i * 20 };
    return [
      path(places, colour),
      box({ ...legend, y: legend.y - 9 }, 10, 10, colour),
      text({ x: legend.x + 16, y: legend.y }, name),
    ];
  });
  return drawing(left + width + 180, top + height + 50, [
    text({ x: 8, y: 20 }, title),
    ...grid,
    ...drawn,
    text({ x: left + width / 2, y: top + height + 38 }, axis, 'middle'),
  ]);
}

/** From powers of ten to places between two ends. */
function logScale(values: readonly number[], from: number, to: number) {
  const least = Math.floor(Math.log10(Math.min(...values)));
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    decades: Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i)),
    at: (value: number) => from + ((Math.log10(value) - least) / (most - least)) * (to - from),
  };
}
