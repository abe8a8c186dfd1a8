import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'vitest';
import { inputsOf } from '../packages.mjs';

const files = {
  'pnpm-lock.yaml': 'lock',
  'pnpm-workspace.yaml': 'workspace',
  '.pnpmfile.mjs': 'hooks',
  'package.json': '{}',
  'packages/a/package.json': '{"name":"a"}',
  'tooling/b/package.json': '{"name":"b"}',
  'examples/c/package.json': '{"name":"c"}',
};

test('whatever decides what gets installed changes the digest, and nothing else does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kv-bootstrap-'));
  try {
    const original = join(folder, 'original');
    for (const [name, text] of Object.entries(files)) await write(original, name, text);
    await mkdir(join(original, 'packages/without-manifest'));
    const digest = inputsOf(original);

    for (const name of Object.keys(files)) {
      const changed = join(folder, name.replaceAll('/', '-'));
      await cp(original, changed, { recursive: true });
      await write(changed, 'packages/a/source.ts', 'anything');
      assert.equal(inputsOf(changed), digest);
      await write(changed, name, 'changed');
      assert.notEqual(inputsOf(changed), digest, `${name} does not count`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function write(folder: string, name: string, text: string): Promise<void> {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}
