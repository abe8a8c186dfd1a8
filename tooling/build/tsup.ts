import { defineConfig } from 'tsup';

/** The build that every package shares; a package names its entry points. */
export function library(entry: string[]): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: ['esm'],
    target: 'node22',
    dts: { compilerOptions: { customConditions: [], ignoreDeprecations: '6.0' } },
    sourcemap: true,
    clean: true,
    splitting: true,
    // tsup would shorten `node:test` and `node:sqlite` to names that do not exist.
    removeNodeProtocol: false,
  });
}
