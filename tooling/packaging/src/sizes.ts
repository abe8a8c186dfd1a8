import { bundlers, compressedSize } from './bundle.ts';
import { type Bundle, bundlesOf } from './bundles.ts';
import type { Installed } from './install-all.ts';

export interface BundleSizes {
  readonly bundle: Bundle;
  /** Bytes by bundler. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** The size of every bundle, made by every bundler. */
export async function measureAll({ packages, projects }: Installed): Promise<BundleSizes[]> {
  const measured: BundleSizes[] = [];
  for (const bundle of bundlesOf(packages)) {
    const sizes: Record<string, number> = {};
    for (const [name, bundler] of Object.entries(bundlers)) {
      sizes[name] = await compressedSize(await bundler(bundle, projects[bundle.project] as string));
    }
    measured.push({ bundle, sizes });
  }
  return measured;
}

const header = ['bundle', ...Object.keys(bundlers), 'budget', 'left out'];

/** The table of the documentation. */
export function tableOf(measured: readonly BundleSizes[]): string {
  const rows = measured.map(({ bundle, sizes }) => [
    bundle.name,
    ...Object.keys(bundlers).map((name) => kilobytes(sizes[name] ?? 0)),
    kilobytes(bundle.budget),
    bundle.external.map((name) => `\`${name}\``).join(', '),
  ]);
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** What the table in a text says: kilobytes by bundle and bundler. */
export function sizesIn(text: string): Record<string, Record<string, number>> {
  const rows = [...text.matchAll(/^\| (.+) \|$/gm)].map(([, row = '']) => row.split(' | '));
  const measured = rows.filter(([, size = '']) => size.endsWith(' kB'));
  return Object.fromEntries(
    measured.map(([name = '', ...cells]) => [
      name,
      Object.fromEntries(
        Object.keys(bundlers).map((bundler, column) => [bundler, Number.parseFloat(cells[column] ?? '')]),
      ),
    ]),
  );
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
