import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, inject, test } from 'vitest';
import {
  commonJsProgram,
  esmProgram,
  exercise,
  loadingProgram,
  typedProgram,
  unbuiltProgram,
} from '../src/programs.ts';
import { clientOf, installedPackages } from '../src/project.ts';
import { run } from '../src/run.ts';
import { targetOf } from './target.ts';

const packages = inject('packages');

const resolutions = {
  nodenext: { module: 'nodenext' },
  // The declarations of all packages have been checked with the other one already, which takes longer than all else.
  bundler: { module: 'esnext', moduleResolution: 'bundler', skipLibCheck: true },
};

for (const packed of packages) {
  const { folder, manifest } = packed;
  const project = inject('projects')[folder] as string;

  describe(`${manifest.name} as npm installs it`, () => {
    test('brings along its own client, and nothing of another backend', async () => {
      const installed = await installedPackages(project);
      const clients = packages.map(clientOf).filter((name) => name !== undefined);
      assert.deepEqual(
        clients.filter((name) => installed.includes(name)),
        [clientOf(packed)].filter((name) => name !== undefined),
      );
      const ours = installed.filter((name) => name.startsWith('@kv'));
      assert.deepEqual(ours.sort(), [...new Set(['@kv/core', manifest.name])].sort());
    });

    test('works from ESM', async () => {
      await writeFile(join(project, 'exercise.mjs'), exercise);
      await writeFile(join(project, 'esm.mjs'), esmProgram(folder));
      assert.equal(await node(project, folder, 'esm.mjs'), 'works');
    });

    test('works from CommonJS', async () => {
      await writeFile(join(project, 'exercise.mjs'), exercise);
      await writeFile(join(project, 'commonjs.cjs'), commonJsProgram(folder));
      assert.equal(await node(project, folder, 'commonjs.cjs'), 'works');
    });

    for (const [load, file] of [
      ['await import', 'entries.mjs'],
      ['require', 'entries.cjs'],
    ] as const) {
      test(`loads at each entry point with ${load}, but for optional peers`, async () => {
        await writeFile(join(project, file), loadingProgram(manifest, load));
        const failures = (await run(project, process.execPath, [file])).trim().split('\n').filter(Boolean);
        const peers = Object.keys(manifest.peerDependenciesMeta ?? {});
        const lacksPeer = (text: string) =>
          /MODULE_NOT_FOUND/.test(text) && peers.some((name) => text.includes(`'${name}'`));
        assert.deepEqual(
          failures.filter((text) => !lacksPeer(text)),
          [],
        );
      });
    }

    describe('from TypeScript', () => {
      beforeAll(() => writeFile(join(project, 'typed.ts'), typedProgram(folder)));

      for (const [name, options] of Object.entries(resolutions)) {
        test(`has types, resolved as by ${name}`, async () => {
          const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
          const platform = {
            target: 'es2024',
            lib: ['es2024', 'esnext.disposable'],
            types: ['node'],
            skipDefaultLibCheck: true,
          };
          const compilerOptions = { ...platform, noEmit: true, ...strict, ...options };
          const file = join(project, `tsconfig.${name}.json`);
          await writeFile(file, JSON.stringify({ compilerOptions, files: ['typed.ts'] }));
          await run(project, 'tsc', ['-p', file]);
        });
      }

      test('works', async () => {
        assert.equal(await node(project, folder, 'typed.ts'), 'works');
      });
    });
  });
}

test('@kv/zookeeper tells who skipped the scripts of its installation what to do', async () => {
  const project = inject('projects')['zookeeper'] as string;
  await writeFile(join(project, 'unbuilt.mjs'), unbuiltProgram);
  const built = join(project, 'node_modules/zookeeper/build');
  await rename(built, `${built}-away`);
  try {
    const [code, message = ''] = (await node(project, 'zookeeper', 'unbuilt.mjs')).split('\n');
    assert.equal(code, 'KV_UNSUPPORTED');
    assert.match(message, /native part .* cannot be loaded.* with_sock_cloexec=yes npm rebuild zookeeper/);
  } finally {
    await rename(`${built}-away`, built);
  }
});

async function node(project: string, backend: string, program: string): Promise<string> {
  const output = await run(project, process.execPath, [program], await targetOf(backend, project));
  return output.trim();
}
