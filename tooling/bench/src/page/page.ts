import { machineText } from '../machine.ts';
import { needsReason, reasonOf, rowsWithoutReason } from '../reasons.ts';
import type { BackendResults, Results, Row } from '../results.ts';
import { detailsText, ratioText, short } from '../row-text.ts';
import { plots } from './plots.ts';

interface Section {
  readonly title: string;
  readonly text: string;
}

/** By the first part of the rows' ids. */
const sections: Readonly<Record<string, Section>> = {
  calls: {
    title: 'Calls',
    text: 'From one caller, and from 64 that each wait for their answers. 1,000 keys with values of 100 bytes.',
  },
  wire: {
    title: 'Requests and bytes',
    text: 'Of one call, counted between the client and the server.',
  },
  loop: {
    title: 'Event loop',
    text: 'The 99th percentile of the time between two ticks of a timer of 1 ms, while 64 callers write, each write in a turn of its own.',
  },
  watch: {
    title: 'Watches',
    text: 'From before a write to its arrival at a watcher.',
  },
  watchers: {
    title: 'More and more watchers',
    text: 'From before a write until all watchers of its key have it; and until the one watcher of its key has it, while so many others watch other keys.',
  },
  locks: {
    title: 'Locks',
    text: 'From before the release of a lock until the next one has it, with so many who wait.',
  },
  memory: {
    title: 'Memory',
    text: 'What a thousand of them take on the heap and in buffers, after a garbage collection.',
  },
  keys: {
    title: 'More and more keys',
    text: 'One caller, with so many keys in the store.',
  },
};

const introduction = `# Benchmarks

Written by \`npm run bench\`, from [benchmarks/results.json](benchmarks/results.json). *store* is \`@kv/core\` on the backend's
package. *bare* is the backend's client library alone, with the same requests, the same consistency and as many connections.
All take turns in one process, or group of processes: a row is the median of the rounds. A ratio is that of the store to the other one,
round by round: over 1, the store is better; in brackets, the least and the greatest of the rounds. The server runs on
the same machine and takes its share of it: compare ratios, not numbers of calls.
`;

export function page(results: Results): string {
  const { backends } = results;
  const missing = rowsWithoutReason(results);
  return `${[
    introduction,
    ...backends.map((backend) => backendText(backend, Object.keys(plots(results)))),
    ...(missing.length === 0
      ? []
      : ['## Rows without a reason\n', `${missing.map((place) => `- \`${place}\``).join('\n')}\n`]),
  ].join('\n')}`;
}

function backendText(results: BackendResults, plotNames: readonly string[]): string {
  const { backend, machine, date, seconds, versions, rows, notes } = results;
  const lines = [
    `## ${backend}`,
    '',
    `${date.slice(0, 16).replace('T', ' ')} UTC, ${Math.round(seconds / 6) / 10} min. ${machineText(machine)}. ${Object.entries(
      versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join('; ')}.`,
    '',
    ...plotNames
      .filter((name) => name.startsWith(`${backend}-`))
      .flatMap((name) => [`![${name.replace('.svg', '')}](benchmarks/${name})`, '']),
  ];
  for (const [section, { title, text }] of Object.entries(sections)) {
    const own = rows.filter(({ id }) => id.startsWith(`${section}/`));
    if (own.length > 0) lines.push(`### ${title}: ${backend}`, '', text, '', ...table(backend, own), '');
  }
  if (notes.length > 0) lines.push(...notes.map((note) => `- ${note}`), '');
  return lines.join('\n');
}

function table(backend: string, rows: readonly Row[]): string[] {
  const contestants = [...new Set(rows.flatMap(({ cells }) => Object.keys(cells)))];
  const withReason = rows.some((row) => needsReason(row));
  const heads = [
    'row',
    ...contestants.flatMap((name) => (name === 'store' ? [name] : [name, `store / ${name}`])),
    ...(withReason ? ['why'] : []),
  ];
  return [
    line(heads),
    line(heads.map(() => '---')),
    ...rows.map((row) =>
      line([
        `${row.id.split('/').slice(1).join(', ')} (${row.unit}${row.minimum === undefined ? '' : `, at least ${row.minimum}`})`,
        ...contestants.flatMap((name) => cellsOf(row, name)),
        ...(withReason ? [why(backend, row)] : []),
      ]),
    ),
  ];
}

function cellsOf({ cells }: Row, name: string): string[] {
  const cell = cells[name];
  const shown = cell === undefined ? '' : [short(cell.value.median), detailsText(cell)].filter(Boolean).join('; ');
  return name === 'store' ? [shown] : [shown, cell === undefined ? '' : ratioText(cell)];
}

function why(backend: string, row: Row): string {
  if (!needsReason(row)) return '';
  return reasonOf(backend, row) ?? '**no reason yet**';
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
