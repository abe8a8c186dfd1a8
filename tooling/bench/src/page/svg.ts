/** Text and lines as SVG. Colours are legible on a white and on a dark page. */

export const colours = ['#3b82f6', '#f59e0b', '#10b981', '#ef4444', '#8b5cf6', '#9ca3af'];
const ink = '#808080';

export interface Place {
  readonly x: number;
  readonly y: number;
}

export function text({ x, y }: Place, content: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${ink}">${escaped(content)}</text>`;
}

export function stroke(from: Place, to: Place, colour = ink, width = 1): string {
  return `<line x1="${round(from.x)}" y1="${round(from.y)}" x2="${round(to.x)}" y2="${round(to.y)}" stroke="${colour}" stroke-width="${width}"/>`;
}

export function box({ x, y }: Place, width: number, height: number, colour: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${colour}"/>`;
}

export function path(places: readonly Place[], colour: string): string {
  const points = places.map(({ x, y }) => `${round(x)},${round(y)}`).join(' ');
  return [
    `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...places.map(({ x, y }) => `<circle cx="${round(x)}" cy="${round(y)}" r="3" fill="${colour}"/>`),
  ].join('\n');
}

export function drawing(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
${parts.join('\n')}
</svg>
`;
}

function round(number: number): number {
  return Math.round(number * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
