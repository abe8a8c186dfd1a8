import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, inject, test } from 'vitest';
import { codeBlocks, type Program, programs } from '../src/code-blocks.ts';
import { pages, readPage, repository } from '../src/pages.ts';
import { type Places, runProgram } from '../src/run-program.ts';
import { typeErrors } from '../src/type-check.ts';

const blocks = pages.flatMap((page) => codeBlocks(page, readPage(page)));
/** Runs against secured servers, in a test of its own. */
const elsewhere = 'docs/production.md';

describe('every code block', () => {
  const all = programs(blocks);
  let errors: Map<Program, string[]>;
  let folder: string;
  let places: Places;

  beforeAll(async () => {
    errors = typeErrors(all);
    folder = await mkdtemp(`${tmpdir()}/kv-docs-`);
    const { etcd, consul, zookeeper } = inject('servers');
    places = {
      '127.0.0.1:2379': `${etcd?.host}:${etcd?.port}`,
      '127.0.0.1:8500': `${consul?.host}:${consul?.port}`,
      '127.0.0.1:2181': `${zookeeper?.host}:${zookeeper?.port}`,
      '/var/lib/app': folder,
    };
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('is found', () => {
    assert(all.some(({ page }) => page === 'README.md'));
    assert(all.length >= 8);
  });

  for (const program of all) {
    const name = `${program.page}:${program.line}`;
    test(`${name} is typed`, () => assert.deepEqual(errors.get(program), []));
    if (program.page === elsewhere) continue;
    // One after the other: they use the same keys, as a reader does.
    test(`${name} runs`, async () => {
      const { failure } = await runProgram(program, places);
      assert(failure === undefined, failure);
    });
  }
});

for (const { page, line, note, code } of blocks) {
  const file = /^excerpt of (\S+)$/.exec(note ?? '')?.[1];
  if (file === undefined) continue;
  test(`${page}:${line} stands in ${file}`, async () => {
    const flush = (text: string) =>
      text
        .split('\n')
        .map((it) => it.trim())
        .join('\n');
    assert(
      flush(await readFile(`${repository}/${file}`, 'utf8')).includes(flush(code)),
      `${page}:${line}: not in ${file}`,
    );
  });
}
