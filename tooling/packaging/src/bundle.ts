import { readFile } from 'node:fs/promises';
import { isBuiltin, SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build, transform } from 'esbuild';
import { rollup } from 'rollup';
import { type Bundle, programOf } from './bundles.ts';

/** What a bundler has made of a program. */
export interface Bundled {
  readonly code: string;
  /** The modules of which something is in it: `@kv/core/src/store.ts`, `consul/lib/kv.js`. */
  readonly modules: readonly string[];
  /** What it imports when it runs, Node.js's own modules aside. */
  readonly imports: readonly string[];
}

export type Bundler = (bundle: Bundle, project: string) => Promise<Bundled>;

/** Lets the client libraries that are CommonJS `require` Node.js's modules from within an ES module. */
const requireForCommonJs = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

const withEsbuild: Bundler = async (bundle, project) => {
  const { outputFiles, metafile } = await build({
    stdin: { contents: programOf(bundle), resolveDir: project },
    absWorkingDir: project,
    outfile: join(project, 'bundle.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    external: [...bundle.external],
    banner: { js: requireForCommonJs },
    sourcemap: 'external',
    metafile: true,
    write: false,
  });
  const text = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return {
    code: text('.mjs'),
    modules: modulesIn(text('.mjs'), JSON.parse(text('.map'))),
    imports: foreign(imports.map(({ path }) => path)),
  };
};

/** Leaves out every package but ours: a bundle of a library, as rollup is mostly used for. */
const withRollup: Bundler = async (bundle, project) => {
  const entry = 'program.js';
  const made = await rollup({
    input: entry,
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('@kv/') && id !== entry,
    plugins: [
      {
        name: 'program',
        resolveId: (id, importer) => (importer === undefined ? join(project, id) : undefined),
        load: async (id) => {
          if (id === join(project, entry)) return programOf(bundle);
          return { code: await readFile(id, 'utf8'), map: JSON.parse(await readFile(`${id}.map`, 'utf8')) };
        },
      },
      nodeResolve({ exportConditions: ['node'] }),
    ],
  });
  const { output } = await made.generate({ format: 'es', sourcemap: 'hidden', file: join(project, 'bundle.mjs') });
  await made.close();
  const [chunk] = output;
  return {
    code: chunk.code,
    modules: modulesIn(chunk.code, chunk.map as unknown as SourceMapPayload),
    imports: foreign([...chunk.imports, ...chunk.dynamicImports]),
  };
};

export const bundlers: Readonly<Record<string, Bundler>> = { esbuild: withEsbuild, rollup: withRollup };

/** What the user downloads: bytes after minifying and compressing with brotli. */
export async function compressedSize({ code }: Bundled): Promise<number> {
  const minified = await transform(code, { minify: true, format: 'esm', target: 'node22', legalComments: 'none' });
  return (await promisify(brotliCompress)(minified.code)).length;
}

/**
 * Where the lines of a bundle come from. The packages' files hold several modules each; their source maps tell them
 * apart, and what the bundler has dropped is not in the code any more.
 */
function modulesIn(code: string, map: SourceMapPayload): string[] {
  const origins = new SourceMap(map);
  const modules = new Set<string>();
  for (const [line, text] of code.split('\n').entries()) {
    if (text === '') continue;
    const entry = origins.findEntry(line, text.search(/\S|$/));
    if ('originalSource' in entry && entry.originalSource.includes('node_modules/'))
      modules.add(entry.originalSource.replace(/^.*node_modules\//, ''));
  }
  return [...modules].sort();
}

function foreign(imports: readonly string[]): string[] {
  return [...new Set(imports.filter((id) => !isBuiltin(id)))].sort();
}
