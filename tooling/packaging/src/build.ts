import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

const root = join(import.meta.dirname, '../../..');
const shared = ['tooling/build/tsup.ts', 'tooling/build/tsconfig.base.json', 'pnpm-lock.yaml'];

/** Builds the packages, unless every one has been built since anything that goes into it was changed. */
export async function build(): Promise<void> {
  const common = Math.max(...shared.map((file) => newest(join(root, file))));
  const stale = readdirSync(join(root, 'packages')).some((name) => {
    const folder = join(root, 'packages', name);
    const inputs = ['src', 'package.json', 'tsup.config.ts'].map((file) => newest(join(folder, file)));
    return oldest(join(folder, 'dist')) < Math.max(common, ...inputs);
  });
  if (stale) await run(root, 'pnpm', ['run', 'build']);
}

/** When the youngest of a folder's files was written, or a file of it renamed or removed. */
function newest(path: string): number {
  const { mtimeMs } = statSync(path);
  return Math.max(mtimeMs, ...children(path).map(newest));
}

/** When the eldest of a folder's files was written. */
function oldest(path: string): number {
  if (!existsSync(path)) return Number.NEGATIVE_INFINITY;
  const inside = children(path);
  return inside.length === 0 ? statSync(path).mtimeMs : Math.min(...inside.map(oldest));
}

function children(path: string): string[] {
  return statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [];
}
